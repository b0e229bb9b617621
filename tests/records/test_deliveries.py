"""What webhooks are to be told is on record with the end of the job, and outlives Redis."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from roadmask.errors import DeliveryNotFound, JobNotFound
from roadmask.webhooks import Delivery, DeliveryState, webhook_body
from storage.deliveries import Deliveries
from tests.records.hands import Hands
from tests.waiting import wait_until

URL = "https://hooks.example.com/roadmask"


@pytest.fixture
def deliveries(hands: Hands) -> Deliveries:
    return Deliveries(hands.redis, hands.store, hands.settings)


def delivered(delivery: Delivery) -> Delivery:
    over = {"state": DeliveryState.DELIVERED, "attempts": 1, "next_attempt_at": None}
    return delivery.model_copy(update=over)


@pytest.mark.parametrize(
    ("damaged", "event"),
    [
        ([], "job.succeeded"),
        ([1], "job.completed_with_errors"),
        ([0, 1, 2], "job.failed"),
    ],
)
def test_each_end_of_a_job_is_told(
    hands: Hands, deliveries: Deliveries, damaged: list[int], event: str
) -> None:
    job_id = hands.accept(3, webhook=URL, name="nightly")
    assert deliveries.of(job_id) == []
    hands.work(job_id, damaged)
    [(told, delivery)] = deliveries.take(8)
    job = hands.job(job_id)
    assert (told, delivery.event, delivery.url) == (job_id, event, URL)
    assert (delivery.counts, delivery.ended_at) == (job.counts, job.finished_at)
    body = json.loads(webhook_body(delivery, "https://roadmask.example.com/"))
    assert body["type"] == event
    assert body["data"]["urls"]["self"] == f"https://roadmask.example.com/v1/jobs/{job_id}"
    assert body["data"] | {"urls": None} == {
        "id": job_id,
        "name": "nightly",
        "state": job.state,
        "counts": job.counts.model_dump(),
        "urls": None,
    }


def test_canceled_and_expired_jobs_are_told_and_others_are_not(
    hands: Hands, deliveries: Deliveries
) -> None:
    canceled, silent = hands.accept(1, webhook=URL), hands.accept(1)
    expired = hands.accept(1, webhook=URL, deadline_s=0.01)
    hands.records.cancel(canceled)
    hands.records.cancel(silent)
    wait_until(lambda: hands.recovery.run()["expired"])
    assert {job_id: one.event for job_id, one in deliveries.take(8)} == {
        canceled: "job.canceled",
        expired: "job.expired",
    }
    assert deliveries.of(silent) == []


def test_one_has_a_delivery_at_a_time_and_a_dead_sender_loses_it(
    hands: Hands, deliveries: Deliveries
) -> None:
    hands.work(hands.accept(1, webhook=URL))
    [(job_id, first)] = deliveries.take(8)
    assert deliveries.take(8) == []
    # Nothing was heard for the time of a lease.
    assert wait_until(lambda: deliveries.take(8)) == [(job_id, first)]
    deliveries.keep(job_id, delivered(first))
    assert hands.redis.zcard("rm:deliveries") == 0
    assert deliveries.of(job_id)[0].state is DeliveryState.DELIVERED


def test_a_delivery_waits_for_its_next_attempt(hands: Hands, deliveries: Deliveries) -> None:
    hands.work(hands.accept(1, webhook=URL))
    [(job_id, delivery)] = deliveries.take(8)
    soon = delivery.ended_at + timedelta(seconds=0.6)
    deliveries.keep(job_id, delivery.model_copy(update={"next_attempt_at": soon, "attempts": 1}))
    assert deliveries.take(8) == []
    assert wait_until(lambda: deliveries.take(8))[0][1].attempts == 1


def test_a_job_that_is_tried_again_ends_again(hands: Hands, deliveries: Deliveries) -> None:
    job_id = hands.accept(2, webhook=URL)
    hands.work(job_id, damaged=[1])
    hands.records.retry(job_id)
    hands.work(job_id)
    newest, first = deliveries.of(job_id)
    assert (newest.event, first.event) == ("job.succeeded", "job.completed_with_errors")
    assert (first.counts.failed, newest.counts.failed) == (1, 0)
    assert newest.id != first.id
    assert len(deliveries.take(8)) == 2


def test_what_was_told_can_be_told_again(hands: Hands, deliveries: Deliveries) -> None:
    job_id = hands.accept(1, webhook=URL)
    with pytest.raises(DeliveryNotFound, match="has not ended"):
        deliveries.replay(job_id)
    hands.work(job_id)
    [(_, delivery)] = deliveries.take(8)
    deliveries.keep(job_id, delivered(delivery))
    replayed = deliveries.replay(job_id)
    assert (replayed.id, replayed.state, replayed.attempts) == (delivery.id, "pending", 0)
    assert deliveries.take(8) == [(job_id, replayed)]
    with pytest.raises(JobNotFound):
        deliveries.replay("01890a5d-ac96-774b-bcce-b302099a8057")


def test_an_emptied_redis_still_tells_what_was_not_told_and_only_that(
    hands: Hands, deliveries: Deliveries
) -> None:
    told, untold, still_open = (hands.accept(1, webhook=URL) for _ in range(3))
    for job_id in (told, untold):
        hands.work(job_id)
    for job_id, delivery in deliveries.take(8):
        if job_id == told:
            deliveries.keep(job_id, delivered(delivery))
    hands.recovery.run()
    hands.redis.flushall()
    hands.recovery.run()
    [(job_id, again)] = deliveries.take(8)
    assert (job_id, again.event) == (untold, "job.succeeded")
    assert deliveries.of(told)[0].state is DeliveryState.DELIVERED
    hands.work(still_open)
    assert [job_id for job_id, _ in deliveries.take(8)] == [still_open]


def test_redis_forgets_deliveries_with_their_job(hands: Hands, deliveries: Deliveries) -> None:
    brief = Hands.of(hands.settings.model_copy(update={"retention_s": 1}))
    job_id = brief.accept(1, webhook=URL)
    brief.work(job_id)
    brief.recovery.run()
    wait_until(lambda: not brief.keys(job_id))
    assert deliveries.take(8) == []
    assert brief.redis.zcard("rm:deliveries") == 0
