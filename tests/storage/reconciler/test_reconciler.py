"""What crashes, lost messages and an emptied Redis leave behind is put right."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from roadmask.errors import JobNotFound, RecordsUnavailable
from roadmask.schemas.jobs import JobState, Lane
from roadmask.schemas.media_types import JSON
from storage.jobs.job_file import read_job_file
from storage.jobs.keys import RECONCILER
from storage.objects.keys import job_file_key
from storage.reconciler.reconciler import Repairs
from storage.reconciler.restorer import JobRestorer, StoredJob
from tests.harness.storage.records_harness import RecordsHarness, manifest_item, request
from tests.harness.waiting import wait_until


def empty_queues(harness: RecordsHarness) -> None:
    """Lose every message."""
    harness.redis.delete("rm:queue:interactive", "rm:queue:batch")


def test_an_idle_service_needs_nothing(harness: RecordsHarness) -> None:
    assert harness.reconciler.run() == Repairs()
    job_id = harness.accept(1)
    harness.work(job_id)
    assert harness.reconciler.run() == Repairs()


def test_one_process_leads_at_a_time(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    leader, other = (harness.another(reconcile_s=20) for _ in range(2))
    assert leader.reconciler.run().messages == 1
    empty_queues(harness)
    assert other.reconciler.run().messages == 0
    assert leader.reconciler.run().messages == 1
    empty_queues(harness)
    # The leader is gone: after its time somebody else takes over.
    assert 0 < harness.redis.pttl(RECONCILER) <= 60_000
    harness.redis.delete(RECONCILER)
    assert other.reconciler.run().messages == 1
    assert harness.job(job_id).state is JobState.QUEUED


def test_a_leader_whose_time_ends_during_the_question_leads_on(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.accept(1)
    assert harness.reconciler.run().messages == 1
    empty_queues(harness)

    def ended_meanwhile(key: str) -> Any:
        monkeypatch.undo()
        harness.redis.delete(key)
        return harness.redis.get(key)

    monkeypatch.setattr(harness.redis, "get", ended_meanwhile)
    assert harness.reconciler.run().messages == 1


def test_lost_messages_are_sent_again_to_an_empty_lane(harness: RecordsHarness) -> None:
    patient = harness.another(lease_s=30)
    many, few = harness.accept(100), harness.accept(1)
    assert patient.reconciler.run().messages == 9
    assert (harness.queue.depth(Lane.BATCH), harness.queue.depth(Lane.INTERACTIVE)) == (8, 1)
    assert patient.reconciler.run().messages == 0
    empty_queues(harness)
    harness.work(few)
    harness.work(many, chunks=23)
    assert patient.reconciler.run().messages == 2
    harness.work(many)
    empty_queues(harness)
    assert patient.reconciler.run().messages == 0


def test_an_empty_lane_is_not_flooded(harness: RecordsHarness) -> None:
    patient = harness.another(lease_s=30)
    for _ in range(20):
        patient.accept(100)
    assert patient.reconciler.run().messages == 64


def test_a_job_whose_message_was_lost_does_not_wait_for_the_lane_to_empty(
    harness: RecordsHarness,
) -> None:
    before = time.monotonic()
    forgotten = harness.accept(100)
    accepted = before_first = time.monotonic()
    busy = harness.accept(100)
    harness.another(lease_s=30).claim(busy)
    harness.queue.send(busy, Lane.BATCH, 5)

    def send_again() -> bool:
        nonlocal before_first
        before_first = time.monotonic()
        return bool(harness.reconciler.run().messages)

    wait_until(send_again)
    assert harness.queue.depth(Lane.BATCH) == 6
    # The wait doubles with each message.
    wait_until(lambda: harness.reconciler.run().messages)
    assert time.monotonic() - before >= 2 * (before_first - accepted)
    assert harness.job(forgotten).state is JobState.QUEUED


def test_what_a_dead_worker_held_waits_again(harness: RecordsHarness) -> None:
    job_id = harness.accept(32)
    claim = harness.begin(job_id)
    harness.succeed(claim, 0)
    wait_until(lambda: harness.reconciler.run().leases)
    job = harness.job(job_id)
    assert (job.counts.running, job.counts.queued, job.counts.succeeded) == (0, 31, 1)
    again = harness.claim(job_id)
    assert [(item.index, item.attempts) for item in again.items] == [(1, 1)]
    harness.check_invariants(job_id)


def test_a_chunk_that_was_done_but_not_released_is_sealed(harness: RecordsHarness) -> None:
    job_id = harness.accept(32)
    claim = harness.begin(job_id)
    for item in claim.items:
        harness.succeed(claim, item.index)
    wait_until(lambda: harness.reconciler.run().leases)
    assert f"rm:job:{job_id}:results:0" not in harness.keys(job_id)
    assert harness.claim(job_id).chunk == 1
    harness.check_invariants(job_id)


def test_after_a_restart_holders_have_time_to_renew(harness: RecordsHarness) -> None:
    long = harness.another(lease_s=3600)
    job_id = harness.accept(1)
    held = harness.begin(job_id)
    time.sleep(0.3)
    assert long.reconciler.run().leases == 0
    assert harness.leases.renew([held]) == []


def test_an_overdue_job_expires_and_keeps_its_masks(harness: RecordsHarness) -> None:
    job_id = harness.accept(32, deadline_s=3600)
    claim = harness.begin(job_id)
    harness.succeed(claim, 0)
    assert harness.reconciler.run().expired == 0
    harness.redis.hset(f"rm:job:{job_id}", "deadline", 1)
    wait_until(lambda: harness.reconciler.run().expired)
    job = harness.job(job_id)
    assert (job.state, job.counts.succeeded, job.counts.canceled) == ("expired", 1, 31)
    assert job.error is not None
    assert job.error.code == "job_expired"
    assert not harness.succeed(claim, 1)
    assert harness.leases.claim(job_id, "worker") is None
    harness.check_invariants(job_id)
    retried = harness.records.retry(job_id)
    assert retried.error is None
    harness.claim(job_id)


def test_an_overdue_job_hands_out_nothing_before_anybody_tends_it(harness: RecordsHarness) -> None:
    job_id = harness.accept(1, deadline_s=0.001)
    wait_until(lambda: harness.leases.claim(job_id, "worker") is None)


def test_an_emptied_redis_is_rebuilt(harness: RecordsHarness) -> None:
    harness.reconciler.run()
    done, canceled, half, new = (
        harness.accept(64, name=name, confidence=name == "c") for name in ("a", "b", "c", "d")
    )
    harness.work(done, damaged=[5])
    harness.work(canceled, chunks=1)
    harness.records.cancel(canceled)
    harness.work(half, damaged=[2], chunks=3)
    open_chunk = harness.begin(half)
    harness.succeed(open_chunk, open_chunk.items[0].index)
    harness.reconciler.run()
    before = {job_id: harness.job(job_id) for job_id in (done, canceled)}
    items = {job_id: harness.items(job_id) for job_id in (done, canceled)}
    harness.redis.flushall()
    with pytest.raises(RecordsUnavailable, match="being rebuilt"):
        harness.records.read(new)
    with pytest.raises(JobNotFound):
        harness.records.read("01a20517-51a0-7740-a1f6-70ed3b827a06")
    repairs = harness.reconciler.run()
    assert (repairs.rebuilt, repairs.messages) == (4, 16)
    for job_id in (done, canceled):
        assert harness.job(job_id).model_dump(exclude={"created_at"}) == before[job_id].model_dump(
            exclude={"created_at"}
        )
        assert harness.items(job_id) == items[job_id]
        assert all(harness.redis.ttl(key) > 0 for key in harness.keys(job_id))
    job = harness.job(half)
    assert job.confidence
    assert (job.state, job.counts.succeeded, job.counts.failed) == ("queued", 11, 1)
    assert job.name == "c"
    # What a worker of the former life still holds means nothing any more.
    assert not harness.succeed(open_chunk, open_chunk.items[1].index)
    harness.leases.release(open_chunk)
    harness.work(half)
    job = harness.job(half)
    assert (job.state, job.counts.succeeded, job.counts.failed) == ("completed_with_errors", 63, 1)
    assert job.scores is not None
    assert job.scores.per_category["flat"].pixels == 63 * 7 + sum(range(64)) - 2
    assert all(item.result or item.error for item in harness.items(half))
    harness.work(new)
    harness.check_succeeded(new, 64)


def test_a_holder_from_before_the_rebuild_can_do_nothing(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    harness.redis.flushall()
    harness.reconciler.run()
    former = harness.begin(job_id)
    harness.redis.flushall()
    harness.reconciler.run()
    successor = harness.begin(job_id)
    assert successor.chunk == former.chunk
    assert not harness.succeed(former, 0)
    assert harness.succeed(successor, 0)


def test_what_failed_before_a_retry_is_no_failure_after_a_rebuild(harness: RecordsHarness) -> None:
    job_id = harness.accept(32)
    harness.work(job_id, damaged=[0, 31])
    harness.records.retry(job_id)
    harness.work(job_id, damaged=[0], chunks=1)
    harness.redis.flushall()
    harness.reconciler.run()
    counts = harness.job(job_id).counts
    assert (counts.succeeded, counts.failed, counts.queued) == (30, 1, 1)
    harness.work(job_id)
    states = [item.state.value for item in harness.items(job_id)]
    assert states == ["failed"] + ["succeeded"] * 31


def test_the_deadline_of_a_rebuilt_job_counts_from_its_retry(harness: RecordsHarness) -> None:
    job_id = harness.accept(1, deadline_s=3600)
    harness.work(job_id, damaged=[0])
    key = job_file_key(job_id)
    file = json.loads(harness.store.get(key))
    # As if it had been accepted a day ago.
    file["created_ms"] -= 86_400_000
    harness.store.put(key, json.dumps(file).encode(), JSON)
    before = int(time.time() * 1000)
    harness.records.retry(job_id)
    harness.redis.flushall()
    assert harness.reconciler.run().expired == 0
    assert harness.job(job_id).state is JobState.QUEUED
    deadline = int(harness.redis.hget(f"rm:job:{job_id}", "deadline") or 0)
    assert deadline >= before + 3_600_000
    harness.work(job_id)
    harness.check_succeeded(job_id, 1)


def test_a_sealer_from_before_the_rebuild_cannot_put_old_results_back(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = harness.accept(1)
    claim = harness.begin(job_id)
    harness.fail(claim, 0)
    put = type(harness.store).put
    kept: list[tuple[Any, ...]] = []
    with monkeypatch.context() as asleep:
        asleep.setattr("storage.objects.local.LocalStore.put", lambda *call: kept.append(call))
        harness.leases.release(claim)
    harness.redis.flushall()
    harness.reconciler.run()
    harness.work(job_id)
    for call in kept:
        put(*call)
    harness.check_succeeded(job_id, 1)


def test_a_rebuild_remembers_keys_and_retries(harness: RecordsHarness) -> None:
    harness.reconciler.run()
    job, _ = harness.records.create(request(40), map(manifest_item, range(40)), "key")
    harness.work(job.id, damaged=[0, 39])
    harness.records.retry(job.id)
    harness.redis.flushall()
    harness.reconciler.run()
    again, replayed = harness.records.create(request(40), map(manifest_item, range(40)), "key")
    assert (again.id, replayed) == (job.id, True)
    assert (again.counts.succeeded, again.counts.queued, again.counts.failed) == (38, 2, 0)
    harness.work(job.id)
    harness.redis.flushall()
    harness.reconciler.run()
    harness.check_succeeded(job.id, 40)
    assert read_job_file(harness.store, job.id).retried == 1


def test_a_job_that_had_all_its_results_ends_when_it_is_rebuilt(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    harness.work(job_id)
    harness.store.delete(f"jobs/{job_id}/done.json")
    harness.redis.flushall()
    harness.reconciler.run()
    assert harness.job(job_id).state is JobState.SUCCEEDED
    assert harness.store.exists(f"jobs/{job_id}/done.json")


def test_what_was_forgotten_in_time_is_not_brought_back(harness: RecordsHarness) -> None:
    brief = harness.another(retention_s=1)
    job_id = brief.accept(1)
    brief.work(job_id)
    wait_until(lambda: not harness.redis.exists(f"rm:job:{job_id}"))
    harness.redis.flushall()
    assert brief.reconciler.run().rebuilt == 0
    with pytest.raises(JobNotFound):
        harness.records.read(job_id)


def test_a_job_that_a_restarted_redis_lost_comes_back(harness: RecordsHarness) -> None:
    """With an append-only file that is synced each second, a power cut takes the last one."""
    harness.reconciler.run()
    kept, lost = harness.accept(2), harness.accept(40)
    harness.redis.delete(*harness.keys(lost))
    harness.redis.zrem("rm:open:batch", lost)
    harness.redis.hset("rm:epoch", "server", "the run id before the restart")
    assert harness.reconciler.run().rebuilt == 1
    assert harness.job(lost).counts.queued == 40
    assert harness.job(kept).counts.queued == 2
    assert harness.reconciler.run().rebuilt == 0


def test_a_redis_emptied_during_the_rebuild_is_rebuilt_again(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [harness.accept(1), harness.accept(1)]
    harness.redis.flushall()
    restore = JobRestorer.restore
    seen: list[str] = []

    def interrupted(restorer: JobRestorer, job: StoredJob) -> bool:
        seen.append(job.id)
        if len(seen) == 2:
            harness.redis.flushall()
        return restore(restorer, job)

    monkeypatch.setattr(JobRestorer, "restore", interrupted)
    harness.reconciler.run()
    harness.reconciler.run()
    assert {job.id for job in harness.records.page(None, 10).jobs} == set(ids)
