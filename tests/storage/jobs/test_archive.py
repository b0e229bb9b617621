"""An ended job is whole in the object store, readable as before, and forgotten in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from roadmask.errors import JobClosed, StoreUnavailable
from roadmask.schemas.jobs import ItemState, JobState
from storage.jobs.archive import final_record_key, read_final_record
from storage.jobs.results import sealed_key
from storage.jobs.scripts import JobScripts, RetryOutcome
from storage.objects.local import LocalStore
from tests.harness.storage.records_harness import RecordsHarness
from tests.harness.waiting import wait_until


def sealed(harness: RecordsHarness, job_id: str) -> list[str]:
    """Names of the sealed results of a job."""
    return [key.rpartition("/")[2] for key in harness.store.keys(f"jobs/{job_id}/results/")]


def test_a_finished_chunk_moves_to_the_store_and_reads_the_same(harness: RecordsHarness) -> None:
    job_id = harness.accept(64)
    claim = harness.begin(job_id)
    for item in claim.items:
        harness.succeed(claim, item.index)
    before = harness.items(job_id)
    assert f"rm:job:{job_id}:results:0" in harness.keys(job_id)
    harness.leases.release(claim)
    assert f"rm:job:{job_id}:results:0" not in harness.keys(job_id)
    assert sealed(harness, job_id) == ["000000-0000.jsonl"]
    assert harness.items(job_id) == before
    harness.check_invariants(job_id)


def test_an_ended_job_leaves_nothing_in_redis_that_stays(harness: RecordsHarness) -> None:
    jobs = [harness.accept(40), harness.accept(40), harness.accept(3), harness.accept(100)]
    harness.work(jobs[0])
    harness.work(jobs[1], damaged=[7], chunks=3)
    abandoned = harness.begin(jobs[1])
    harness.succeed(abandoned, abandoned.items[0].index)
    harness.records.cancel(jobs[1])
    harness.work(jobs[2], damaged=[0, 1, 2])
    harness.records.cancel(jobs[3])
    harness.reconciler.run()
    for job_id in jobs:
        keys = harness.keys(job_id)
        assert f"rm:job:{job_id}" in keys
        assert all(0 < harness.redis.ttl(key) <= harness.settings.retention_s for key in keys), keys
        assert not any("results" in key or "unsealed" in key for key in keys)
        assert harness.store.exists(final_record_key(job_id))
        harness.check_invariants(job_id)
    assert harness.redis.zcard("rm:open:batch") + harness.redis.zcard("rm:open:interactive") == 0
    assert harness.redis.scard("rm:closing") == 0
    assert {int(left) for left in harness.redis.hvals("rm:waiting")} == {0}


def test_the_final_record_tells_all(harness: RecordsHarness) -> None:
    job_id = harness.accept(32)
    harness.work(job_id, damaged=[1])
    ending = read_final_record(harness.store, job_id)
    assert ending is not None
    assert ending.record["state"] == "completed_with_errors"
    assert (ending.record["succeeded"], ending.record["failed"]) == ("31", "1")
    assert ending.item_bytes() == b"\x12\x13" + b"\x12" * 30


def test_a_record_that_was_forgotten_leaves_the_list_of_jobs(harness: RecordsHarness) -> None:
    brief = harness.another(retention_s=1)
    job_id, open_id = brief.accept(1), brief.accept(1)
    brief.work(job_id)
    wait_until(lambda: not harness.redis.exists(f"rm:job:{job_id}"))
    assert [job.id for job in brief.records.page(None, 10).jobs] == [open_id]

    def swept() -> bool:
        brief.reconciler.run()
        return harness.redis.zrange("rm:jobs", 0, -1) == [open_id.encode()]

    wait_until(swept)


def test_a_store_that_is_down_delays_the_sealing_and_nothing_else(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = harness.accept(2)

    def down(*_: object) -> None:
        raise StoreUnavailable("The store does not answer.")

    with monkeypatch.context() as outage:
        outage.setattr(harness.store, "put", down)
        outage.setattr("storage.objects.local.LocalStore.put", down)
        harness.work(job_id)
    assert harness.job(job_id).state is JobState.SUCCEEDED
    assert sealed(harness, job_id) == []
    harness.check_invariants(job_id)
    assert harness.reconciler.run().archived == 1
    assert len(sealed(harness, job_id)) == 2
    harness.check_invariants(job_id)


def test_retry_does_again_only_what_failed(harness: RecordsHarness) -> None:
    job_id = harness.accept(100)
    harness.work(job_id, damaged=[3, 50, 99])
    before = harness.items(job_id)
    job = harness.records.retry(job_id)
    assert (job.state, job.counts.queued, job.counts.succeeded) == ("queued", 3, 97)
    assert (job.finished_at, job.queue_position) == (None, 0)
    assert all(harness.redis.ttl(key) == -1 for key in harness.keys(job_id))
    claims = [harness.begin(job_id) for _ in range(3)]
    assert [item.index for claim in claims for item in claim.items] == [3, 50, 99]
    assert all(item.attempts == 0 for claim in claims for item in claim.items)
    assert harness.leases.claim(job_id, "worker") is None
    for claim in claims:
        harness.succeed(claim, claim.items[0].index)
        harness.leases.release(claim)
    job = harness.job(job_id)
    assert (job.state, job.counts.succeeded, job.counts.failed) == ("succeeded", 100, 0)
    after = harness.items(job_id)
    again = {3, 50, 99}
    assert [i for i in after if i.index not in again] == [i for i in before if i.index not in again]
    assert all(item.result is not None and item.error is None for item in after)
    assert [data["state"] for kind, data in harness.events(job_id) if kind == "job"] == [
        "queued",
        "running",
        "completed_with_errors",
        "queued",
        "running",
        "succeeded",
    ]


def test_what_fails_again_has_its_new_cause(harness: RecordsHarness) -> None:
    job_id = harness.accept(32)
    harness.work(job_id, damaged=[0, 1])
    harness.records.retry(job_id)
    harness.work(job_id, damaged=[1])
    assert sealed(harness, job_id)[:2] == ["000000-0000.jsonl", "000000-0001.jsonl"]
    states = [item.state for item in harness.items(job_id)[:3]]
    assert states == [ItemState.SUCCEEDED, ItemState.FAILED, ItemState.SUCCEEDED]


def test_retry_goes_on_with_what_was_canceled(harness: RecordsHarness) -> None:
    job_id = harness.accept(64)
    harness.work(job_id, damaged=[0], chunks=2)
    running = harness.begin(job_id)
    harness.records.cancel(job_id)
    harness.reconciler.run()
    job = harness.records.retry(job_id)
    assert (job.state, job.counts.queued, job.counts.succeeded) == ("queued", 57, 7)
    assert not harness.succeed(running, running.items[0].index)
    harness.work(job_id)
    assert harness.job(job_id).state is JobState.SUCCEEDED
    harness.reconciler.run()
    assert all(harness.redis.ttl(key) > 0 for key in harness.keys(job_id))


def test_a_retry_takes_the_chunks_from_those_who_hold_them(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    former = harness.begin(job_id)
    harness.records.cancel(job_id)
    harness.records.retry(job_id)
    assert harness.leases.renew([former]) == [former]
    assert not harness.succeed(former, 0)
    assert harness.claim(job_id).items[0].attempts == 0


def test_there_is_nothing_to_retry_in_an_open_or_a_succeeded_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    with pytest.raises(JobClosed, match="still open"):
        harness.records.retry(job_id)
    harness.work(job_id)
    with pytest.raises(JobClosed, match="nothing to try again"):
        harness.records.retry(job_id)


@pytest.mark.parametrize("is_done_meanwhile", [False, True])
def test_a_retry_whose_reply_was_lost_is_not_refused(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch, is_done_meanwhile: bool
) -> None:
    job_id = harness.accept(2)
    harness.work(job_id, damaged=[0])
    retry_job = JobScripts.retry_job

    def repeated(scripts: JobScripts, job_id: str, round_: int) -> RetryOutcome:
        retry_job(scripts, job_id, round_)
        if is_done_meanwhile:
            harness.work(job_id)
        return retry_job(scripts, job_id, round_)

    monkeypatch.setattr(JobScripts, "retry_job", repeated)
    job = harness.records.retry(job_id)
    expected = JobState.SUCCEEDED if is_done_meanwhile else JobState.QUEUED
    assert (job.state, job.counts.failed) == (expected, 0)


def test_a_process_that_slept_through_a_retry_cannot_put_old_results_back(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read the results, slept before writing them, and woke when the retry had ended."""
    job_id = harness.accept(1)
    claim = harness.begin(job_id)
    harness.fail(claim, 0)
    sleeper = harness.another()
    put = type(sleeper.store).put
    kept: list[tuple[Any, ...]] = []
    with monkeypatch.context() as asleep:
        asleep.setattr("storage.objects.local.LocalStore.put", lambda *call: kept.append(call))
        sleeper.leases.release(claim)
    harness.reconciler.run()
    harness.records.retry(job_id)
    harness.work(job_id)
    for call in kept:
        put(*call)
    assert any(sealed_key(job_id, 0, 0) in call for call in kept)
    item = harness.records.item(job_id, 0)
    assert item.state is ItemState.SUCCEEDED
    assert item.result is not None


def meanwhile(monkeypatch: pytest.MonkeyPatch, suffix: str, act: Callable[[], object]) -> None:
    """Do something once, right after an object whose key ends so was written."""
    put, todo = LocalStore.put, iter([act])

    def interrupted(store: LocalStore, key: str, data: bytes, content_type: str) -> None:
        put(store, key, data, content_type)
        if key.endswith(suffix):
            for once in todo:
                once()

    monkeypatch.setattr(LocalStore, "put", interrupted)


def test_a_seal_leaves_what_a_retry_has_brought_since(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = harness.accept(1)
    claim = harness.begin(job_id)
    harness.fail(claim, 0)

    def retried() -> None:
        harness.records.retry(job_id)
        assert harness.succeed(harness.begin(job_id), 0)

    meanwhile(monkeypatch, "000000-0000.jsonl", retried)
    harness.leases.release(claim)
    assert harness.records.item(job_id, 0).result is not None
    harness.reconciler.run()
    harness.check_succeeded(job_id, 1)


def test_an_end_that_a_retry_undid_is_not_taken_for_the_end(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = harness.accept(1)
    claim = harness.begin(job_id)
    harness.fail(claim, 0)

    def retried() -> None:
        harness.records.retry(job_id)
        harness.records.cancel(job_id)

    meanwhile(monkeypatch, "done.json", retried)
    harness.leases.release(claim)
    harness.reconciler.run()
    ending = read_final_record(harness.store, job_id)
    assert ending is not None
    assert (ending.record["state"], ending.record["round"]) == ("canceled", "1")


def test_a_sealed_line_is_one_json_object(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    harness.work(job_id)
    (line,) = harness.store.get(sealed_key(job_id, 0, 0)).splitlines()
    kept = json.loads(line)
    assert (kept["index"], kept["byte"]) == (0, 0x12)
    assert kept["confusion"] == {"9": 7}
