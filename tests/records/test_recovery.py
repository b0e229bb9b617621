"""What crashes, lost messages and an emptied Redis leave behind is put right."""

from __future__ import annotations

import time
from typing import Any

import pytest

from roadmask.errors import JobNotFound, RecordsUnavailable
from roadmask.jobs import JobState, Lane
from storage.job_files import read_job_file
from storage.rebuild import Rebuild
from tests.records.hands import Hands, image, request
from tests.waiting import wait_until


def empty_queues(hands: Hands) -> None:
    """Lose every message."""
    hands.redis.delete("rm:queue:interactive", "rm:queue:batch")


def test_an_idle_service_needs_nothing(hands: Hands) -> None:
    assert set(hands.recovery.run().values()) == {0}
    job_id = hands.accept(1)
    hands.work(job_id)
    assert set(hands.recovery.run().values()) == {0}


def test_one_process_leads_at_a_time(hands: Hands) -> None:
    job_id = hands.accept(1)
    other = Hands.of(hands.settings.model_copy(update={"reconcile_s": 10}))
    assert hands.recovery.run()["messages"] == 1
    empty_queues(hands)
    assert other.recovery.run()["messages"] == 0
    assert hands.recovery.run()["messages"] == 1
    empty_queues(hands)
    # The leader is gone: after its time somebody else takes over.
    wait_until(lambda: other.recovery.run()["messages"])
    assert hands.job(job_id).state is JobState.QUEUED


def test_lost_messages_are_sent_again_to_an_empty_lane(hands: Hands) -> None:
    patient = Hands.of(hands.settings.model_copy(update={"lease_s": 30}))
    many, few = hands.accept(100), hands.accept(1)
    assert patient.recovery.run()["messages"] == 9
    assert (hands.dispatch.depth(Lane.BATCH), hands.dispatch.depth(Lane.INTERACTIVE)) == (8, 1)
    assert patient.recovery.run()["messages"] == 0
    empty_queues(hands)
    hands.work(few)
    hands.work(many, chunks=23)
    assert patient.recovery.run()["messages"] == 2
    hands.work(many)
    empty_queues(hands)
    assert patient.recovery.run()["messages"] == 0


def test_an_empty_lane_is_not_flooded(hands: Hands) -> None:
    patient = Hands.of(hands.settings.model_copy(update={"lease_s": 30}))
    for _ in range(20):
        patient.accept(100)
    assert patient.recovery.run()["messages"] == 64


def test_a_job_whose_message_was_lost_does_not_wait_for_the_lane_to_empty(hands: Hands) -> None:
    forgotten, busy = hands.accept(100), hands.accept(100)
    Hands.of(hands.settings.model_copy(update={"lease_s": 30})).claim(busy)
    hands.dispatch.send(busy, Lane.BATCH, 5)
    began = time.monotonic()
    wait_until(lambda: hands.recovery.run()["messages"])
    assert hands.dispatch.depth(Lane.BATCH) == 6
    # Patience doubles: in the next lease's time no more is sent for it.
    waited = time.monotonic() - began
    while time.monotonic() - began < min(1.5 * waited, 1.0):
        assert hands.recovery.run()["messages"] == 0
    assert hands.job(forgotten).state is JobState.QUEUED


def test_what_a_dead_worker_held_waits_again(hands: Hands) -> None:
    job_id = hands.accept(32)
    claim = hands.begin(job_id)
    hands.succeed(claim, 0)
    wait_until(lambda: hands.recovery.run()["leases"])
    job = hands.job(job_id)
    assert (job.counts.running, job.counts.queued, job.counts.succeeded) == (0, 31, 1)
    again = hands.claim(job_id)
    assert [(item.index, item.attempts) for item in again.items] == [(1, 1)]
    hands.check(job_id)


def test_a_chunk_that_was_done_but_not_released_is_sealed(hands: Hands) -> None:
    job_id = hands.accept(32)
    claim = hands.begin(job_id)
    for item in claim.items:
        hands.succeed(claim, item.index)
    wait_until(lambda: hands.recovery.run()["leases"])
    assert f"rm:job:{job_id}:results:0" not in hands.keys(job_id)
    assert hands.claim(job_id).chunk == 1
    hands.check(job_id)


def test_after_a_restart_holders_have_time_to_renew(hands: Hands) -> None:
    long = Hands.of(hands.settings.model_copy(update={"lease_s": 3600}))
    job_id = hands.accept(1)
    held = hands.begin(job_id)
    time.sleep(0.3)
    assert long.recovery.run()["leases"] == 0
    assert hands.leases.renew([held]) == []


def test_an_overdue_job_expires_and_keeps_its_masks(hands: Hands) -> None:
    job_id = hands.accept(32, deadline_s=0.3)
    claim = hands.begin(job_id)
    hands.succeed(claim, 0)
    wait_until(lambda: hands.recovery.run()["expired"])
    job = hands.job(job_id)
    assert (job.state, job.counts.succeeded, job.counts.canceled) == ("expired", 1, 31)
    assert job.error is not None
    assert job.error.code == "job_expired"
    assert not hands.succeed(claim, 1)
    assert hands.leases.claim(job_id, "worker") is None
    hands.check(job_id)
    retried = hands.records.retry(job_id)
    assert retried.error is None
    hands.claim(job_id)


def test_an_overdue_job_hands_out_nothing_before_anybody_tends_it(hands: Hands) -> None:
    job_id = hands.accept(1, deadline_s=0.001)
    wait_until(lambda: hands.leases.claim(job_id, "worker") is None)


def test_an_emptied_redis_is_rebuilt(hands: Hands) -> None:
    hands.recovery.run()
    done, canceled, half, new = (
        hands.accept(64, name=name, confidence=name == "c") for name in ("a", "b", "c", "d")
    )
    hands.work(done, damaged=[5])
    hands.work(canceled, chunks=1)
    hands.records.cancel(canceled)
    hands.work(half, damaged=[2], chunks=3)
    open_chunk = hands.begin(half)
    hands.succeed(open_chunk, open_chunk.items[0].index)
    hands.recovery.run()
    before = {job_id: hands.job(job_id) for job_id in (done, canceled)}
    items = {job_id: hands.items(job_id) for job_id in (done, canceled)}
    hands.redis.flushall()
    with pytest.raises(RecordsUnavailable, match="being rebuilt"):
        hands.records.read(new)
    with pytest.raises(JobNotFound):
        hands.records.read("01a20517-51a0-7740-a1f6-70ed3b827a06")
    counts = hands.recovery.run()
    assert (counts["rebuilt"], counts["messages"]) == (4, 16)
    for job_id in (done, canceled):
        assert hands.job(job_id).model_dump(exclude={"created_at"}) == before[job_id].model_dump(
            exclude={"created_at"}
        )
        assert hands.items(job_id) == items[job_id]
        assert all(hands.redis.ttl(key) > 0 for key in hands.keys(job_id))
    job = hands.job(half)
    assert job.confidence
    assert (job.state, job.counts.succeeded, job.counts.failed) == ("queued", 11, 1)
    assert job.name == "c"
    # What a worker of the former life still holds means nothing any more.
    assert not hands.succeed(open_chunk, open_chunk.items[1].index)
    hands.leases.release(open_chunk)
    hands.work(half)
    job = hands.job(half)
    assert (job.state, job.counts.succeeded, job.counts.failed) == ("completed_with_errors", 63, 1)
    assert job.scores is not None
    assert job.scores.per_category["flat"].pixels == 63 * 7 + sum(range(64)) - 2
    assert all(item.result or item.error for item in hands.items(half))
    hands.work(new)
    hands.check_result(new, 64)


def test_a_holder_from_before_the_rebuild_can_do_nothing(hands: Hands) -> None:
    job_id = hands.accept(1)
    hands.redis.flushall()
    hands.recovery.run()
    former = hands.begin(job_id)
    hands.redis.flushall()
    hands.recovery.run()
    successor = hands.begin(job_id)
    assert successor.chunk == former.chunk
    assert not hands.succeed(former, 0)
    assert hands.succeed(successor, 0)


def test_what_failed_before_a_retry_is_no_failure_after_a_rebuild(hands: Hands) -> None:
    job_id = hands.accept(32)
    hands.work(job_id, damaged=[0, 31])
    hands.records.retry(job_id)
    hands.work(job_id, damaged=[0], chunks=1)
    hands.redis.flushall()
    hands.recovery.run()
    counts = hands.job(job_id).counts
    assert (counts.succeeded, counts.failed, counts.queued) == (30, 1, 1)
    hands.work(job_id)
    states = [item.state.value for item in hands.items(job_id)]
    assert states == ["failed"] + ["succeeded"] * 31


def test_a_sealer_from_before_the_rebuild_cannot_put_old_results_back(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = hands.accept(1)
    claim = hands.begin(job_id)
    hands.fail(claim, 0)
    put = type(hands.store).put
    kept: list[tuple[Any, ...]] = []
    with monkeypatch.context() as asleep:
        asleep.setattr("storage.local_store.LocalStore.put", lambda *call: kept.append(call))
        hands.leases.release(claim)
    hands.redis.flushall()
    hands.recovery.run()
    hands.work(job_id)
    for call in kept:
        put(*call)
    hands.check_result(job_id, 1)


def test_a_rebuild_remembers_keys_and_retries(hands: Hands) -> None:
    hands.recovery.run()
    job, _ = hands.records.create(request(40), map(image, range(40)), "key")
    hands.work(job.id, damaged=[0, 39])
    hands.records.retry(job.id)
    hands.redis.flushall()
    hands.recovery.run()
    again, replayed = hands.records.create(request(40), map(image, range(40)), "key")
    assert (again.id, replayed) == (job.id, True)
    assert (again.counts.succeeded, again.counts.queued, again.counts.failed) == (38, 2, 0)
    hands.work(job.id)
    hands.redis.flushall()
    hands.recovery.run()
    hands.check_result(job.id, 40)
    assert read_job_file(hands.store, job.id).retried == 1


def test_a_job_that_had_all_its_results_ends_when_it_is_rebuilt(hands: Hands) -> None:
    job_id = hands.accept(2)
    hands.work(job_id)
    hands.store.delete(f"jobs/{job_id}/done.json")
    hands.redis.flushall()
    hands.recovery.run()
    assert hands.job(job_id).state is JobState.SUCCEEDED
    assert hands.store.exists(f"jobs/{job_id}/done.json")


def test_what_was_forgotten_in_time_is_not_brought_back(hands: Hands) -> None:
    brief = Hands.of(hands.settings.model_copy(update={"retention_s": 1}))
    job_id = brief.accept(1)
    brief.work(job_id)
    wait_until(lambda: not hands.redis.exists(f"rm:job:{job_id}"))
    hands.redis.flushall()
    assert brief.recovery.run()["rebuilt"] == 0
    with pytest.raises(JobNotFound):
        hands.records.read(job_id)


def test_a_job_that_a_restarted_redis_lost_comes_back(hands: Hands) -> None:
    """With an append-only file that is synced each second, a power cut takes the last one."""
    hands.recovery.run()
    kept, lost = hands.accept(2), hands.accept(40)
    hands.redis.delete(*hands.keys(lost))
    hands.redis.zrem("rm:open:batch", lost)
    hands.redis.hset("rm:epoch", "server", "the run id before the restart")
    assert hands.recovery.run()["rebuilt"] == 1
    assert hands.job(lost).counts.queued == 40
    assert hands.job(kept).counts.queued == 2
    assert hands.recovery.run()["rebuilt"] == 0


def test_a_redis_emptied_during_the_rebuild_is_rebuilt_again(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [hands.accept(1), hands.accept(1)]
    hands.redis.flushall()
    restore = type(hands.recovery._rebuild)._restore
    seen: list[str] = []

    def interrupted(rebuild: Rebuild, job_id: str) -> bool:
        seen.append(job_id)
        if len(seen) == 2:
            hands.redis.flushall()
        return bool(restore(rebuild, job_id))

    monkeypatch.setattr("storage.rebuild.Rebuild._restore", interrupted)
    hands.recovery.run()
    hands.recovery.run()
    assert {job.id for job in hands.records.page(None, 10).jobs} == set(ids)
