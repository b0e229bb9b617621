"""What webhooks are to be told is on record with the end of the job, and outlives Redis."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from roadmask.errors import DeliveryNotFound, JobNotFound
from roadmask.schemas.webhooks import Delivery, DeliveryState, webhook_body
from storage.backends import StorageBackends
from storage.jobs.keys import DUE_DELIVERIES
from storage.webhooks.deliveries import WRONG_CLOCK_DELAY_MS, Deliveries
from tests.harness.storage.records_harness import RecordsHarness
from tests.harness.waiting import wait_until

URL = "https://hooks.example.com/roadmask"


@pytest.fixture
def deliveries(harness: RecordsHarness) -> Deliveries:
    return deliveries_of(harness)


def deliveries_of(harness: RecordsHarness) -> Deliveries:
    return StorageBackends.build(harness.redis, harness.store, harness.settings).deliveries


def delivered(delivery: Delivery) -> Delivery:
    over = {"state": DeliveryState.DELIVERED, "attempts": 1, "next_attempt_at": None}
    return delivery.model_copy(update=over)


@pytest.mark.parametrize("seconds", [1200, -1200])
def test_a_process_with_a_wrong_clock_leaves_deliveries_to_others_for_a_while(
    harness: RecordsHarness,
    deliveries: Deliveries,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    job_id = harness.accept(1, webhook=URL)
    harness.work(job_id)
    with monkeypatch.context() as patch:
        clock = SimpleNamespace(time=lambda: time.time() + seconds)
        patch.setattr("storage.webhooks.deliveries.time", clock)
        assert deliveries.take_due(8) == []
        harness.redis.zincrby(DUE_DELIVERIES, -WRONG_CLOCK_DELAY_MS - 1000, f"{job_id} 0")
        assert len(deliveries.take_due(8)) == 1, "nobody else was there"
    harness.redis.zincrby(DUE_DELIVERIES, -60_000, f"{job_id} 0")
    assert len(deliveries.take_due(8)) == 1


@pytest.mark.parametrize(
    ("damaged", "event"),
    [
        ([], "job.succeeded"),
        ([1], "job.completed_with_errors"),
        ([0, 1, 2], "job.failed"),
    ],
)
def test_each_end_of_a_job_is_told(
    harness: RecordsHarness, deliveries: Deliveries, damaged: list[int], event: str
) -> None:
    job_id = harness.accept(3, webhook=URL, name="nightly")
    assert deliveries.list_job(job_id) == []
    harness.work(job_id, damaged)
    [(told, delivery)] = deliveries.take_due(8)
    job = harness.job(job_id)
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
    harness: RecordsHarness, deliveries: Deliveries
) -> None:
    canceled, silent = harness.accept(1, webhook=URL), harness.accept(1)
    expired = harness.accept(1, webhook=URL, deadline_s=0.01)
    harness.records.cancel(canceled)
    harness.records.cancel(silent)
    wait_until(lambda: harness.reconciler.run().expired)
    assert {job_id: one.event for job_id, one in deliveries.take_due(8)} == {
        canceled: "job.canceled",
        expired: "job.expired",
    }
    assert deliveries.list_job(silent) == []


def test_one_has_a_delivery_at_a_time_and_a_dead_sender_loses_it(
    harness: RecordsHarness, deliveries: Deliveries
) -> None:
    patient = deliveries_of(harness.another(lease_s=3600))
    harness.work(harness.accept(1, webhook=URL))
    [_] = patient.take_due(8)
    assert deliveries.take_due(8) == []
    harness.work(harness.accept(1, webhook=URL))
    [(job_id, first)] = deliveries.take_due(8)
    # A sender that dies does not renew its lease.
    assert wait_until(lambda: deliveries.take_due(8)) == [(job_id, first)]
    deliveries.save(job_id, delivered(first))
    assert harness.redis.zscore("rm:deliveries", f"{job_id} 1") is None
    assert deliveries.list_job(job_id)[0].state is DeliveryState.DELIVERED


def test_a_delivery_waits_for_its_next_attempt(
    harness: RecordsHarness, deliveries: Deliveries
) -> None:
    harness.work(harness.accept(1, webhook=URL))
    [(job_id, delivery)] = deliveries.take_due(8)
    later = delivery.model_copy(update={"attempts": 1})
    later.next_attempt_at = delivery.ended_at + timedelta(hours=1)
    deliveries.save(job_id, later)
    assert deliveries.take_due(8) == []
    later.next_attempt_at = delivery.ended_at
    deliveries.save(job_id, later)
    [(_, due)] = deliveries.take_due(8)
    assert due.attempts == 1


def test_a_job_that_is_tried_again_ends_again(
    harness: RecordsHarness, deliveries: Deliveries
) -> None:
    job_id = harness.accept(2, webhook=URL)
    harness.work(job_id, damaged=[1])
    harness.records.retry(job_id)
    harness.work(job_id)
    newest, first = deliveries.list_job(job_id)
    assert (newest.event, first.event) == ("job.succeeded", "job.completed_with_errors")
    assert (first.counts.failed, newest.counts.failed) == (1, 0)
    assert newest.id != first.id
    assert len(deliveries.take_due(8)) == 2


def test_what_was_told_can_be_told_again(harness: RecordsHarness, deliveries: Deliveries) -> None:
    job_id = harness.accept(1, webhook=URL)
    with pytest.raises(DeliveryNotFound, match="has not ended"):
        deliveries.replay(job_id)
    harness.work(job_id)
    [(_, delivery)] = deliveries.take_due(8)
    deliveries.save(job_id, delivered(delivery))
    replayed = deliveries.replay(job_id)
    assert (replayed.id, replayed.state, replayed.attempts) == (delivery.id, "pending", 0)
    assert deliveries.take_due(8) == [(job_id, replayed)]
    with pytest.raises(JobNotFound):
        deliveries.replay("01890a5d-ac96-774b-bcce-b302099a8057")


def test_an_emptied_redis_still_tells_what_was_not_told_and_only_that(
    harness: RecordsHarness, deliveries: Deliveries
) -> None:
    told, untold, still_open = (harness.accept(1, webhook=URL) for _ in range(3))
    for job_id in (told, untold):
        harness.work(job_id)
    for job_id, delivery in deliveries.take_due(8):
        if job_id == told:
            deliveries.save(job_id, delivered(delivery))
    harness.reconciler.run()
    harness.redis.flushall()
    harness.reconciler.run()
    [(job_id, again)] = deliveries.take_due(8)
    assert (job_id, again.event) == (untold, "job.succeeded")
    assert deliveries.list_job(told)[0].state is DeliveryState.DELIVERED
    harness.work(still_open)
    assert [job_id for job_id, _ in deliveries.take_due(8)] == [still_open]


def test_redis_forgets_deliveries_with_their_job(
    harness: RecordsHarness, deliveries: Deliveries
) -> None:
    brief = harness.another(retention_s=1)
    job_id = brief.accept(1, webhook=URL)
    brief.work(job_id)
    brief.reconciler.run()
    wait_until(lambda: not brief.keys(job_id))
    assert deliveries.take_due(8) == []
    assert brief.redis.zcard("rm:deliveries") == 0
