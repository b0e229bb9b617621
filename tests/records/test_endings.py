"""An ended job is whole in the object store, readable as before, and forgotten in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from roadmask.errors import JobClosed, StoreUnavailable
from roadmask.jobs import ItemState, JobState
from storage.endings import done_key, read_ending
from storage.local_store import LocalStore
from storage.results import sealed_key
from tests.records.hands import Hands
from tests.waiting import wait_until


def sealed(hands: Hands, job_id: str) -> list[str]:
    """Names of the sealed results of a job."""
    return [key.rpartition("/")[2] for key in hands.store.keys(f"jobs/{job_id}/results/")]


def test_a_finished_chunk_moves_to_the_store_and_reads_the_same(hands: Hands) -> None:
    job_id = hands.accept(64)
    claim = hands.begin(job_id)
    for item in claim.items:
        hands.succeed(claim, item.index)
    before = hands.items(job_id)
    assert f"rm:job:{job_id}:results:0" in hands.keys(job_id)
    hands.leases.release(claim)
    assert f"rm:job:{job_id}:results:0" not in hands.keys(job_id)
    assert sealed(hands, job_id) == ["000000-0000.jsonl"]
    assert hands.items(job_id) == before
    hands.check(job_id)


def test_an_ended_job_leaves_nothing_in_redis_that_stays(hands: Hands) -> None:
    jobs = [hands.accept(40), hands.accept(40), hands.accept(3), hands.accept(100)]
    hands.work(jobs[0])
    hands.work(jobs[1], damaged=[7], chunks=3)
    abandoned = hands.begin(jobs[1])
    hands.succeed(abandoned, abandoned.items[0].index)
    hands.records.cancel(jobs[1])
    hands.work(jobs[2], damaged=[0, 1, 2])
    hands.records.cancel(jobs[3])
    hands.recovery.run()
    for job_id in jobs:
        keys = hands.keys(job_id)
        assert f"rm:job:{job_id}" in keys
        assert all(0 < hands.redis.ttl(key) <= hands.settings.retention_s for key in keys), keys
        assert not any("results" in key or "unsealed" in key for key in keys)
        assert hands.store.exists(done_key(job_id))
        hands.check(job_id)
    assert hands.redis.zcard("rm:open:batch") + hands.redis.zcard("rm:open:interactive") == 0
    assert hands.redis.scard("rm:closing") == 0
    assert {int(left) for left in hands.redis.hvals("rm:waiting")} == {0}


def test_the_final_record_tells_all(hands: Hands) -> None:
    job_id = hands.accept(32)
    hands.work(job_id, damaged=[1])
    ending = read_ending(hands.store, job_id)
    assert ending is not None
    assert ending.record["state"] == "completed_with_errors"
    assert (ending.record["succeeded"], ending.record["failed"]) == ("31", "1")
    assert ending.item_bytes() == b"\x12\x13" + b"\x12" * 30


def test_a_record_that_was_forgotten_leaves_the_list_of_jobs(hands: Hands) -> None:
    brief = Hands.of(hands.settings.model_copy(update={"retention_s": 1}))
    job_id, open_id = brief.accept(1), brief.accept(1)
    brief.work(job_id)
    wait_until(lambda: not hands.redis.exists(f"rm:job:{job_id}"))
    assert [job.id for job in brief.records.page(None, 10).jobs] == [open_id]

    def swept() -> bool:
        brief.recovery.run()
        return hands.redis.zrange("rm:jobs", 0, -1) == [open_id.encode()]

    wait_until(swept)


def test_a_store_that_is_down_delays_the_sealing_and_nothing_else(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = hands.accept(2)

    def down(*_: object) -> None:
        raise StoreUnavailable("The store does not answer.")

    with monkeypatch.context() as outage:
        outage.setattr(hands.store, "put", down)
        outage.setattr("storage.local_store.LocalStore.put", down)
        hands.work(job_id)
    assert hands.job(job_id).state is JobState.SUCCEEDED
    assert sealed(hands, job_id) == []
    hands.check(job_id)
    assert hands.recovery.run()["finished"] == 1
    assert len(sealed(hands, job_id)) == 2
    hands.check(job_id)


def test_retry_does_again_only_what_failed(hands: Hands) -> None:
    job_id = hands.accept(100)
    hands.work(job_id, damaged=[3, 50, 99])
    before = hands.items(job_id)
    job = hands.records.retry(job_id)
    assert (job.state, job.counts.queued, job.counts.succeeded) == ("queued", 3, 97)
    assert (job.finished_at, job.queue_position) == (None, 0)
    assert all(hands.redis.ttl(key) == -1 for key in hands.keys(job_id))
    claims = [hands.begin(job_id) for _ in range(3)]
    assert [item.index for claim in claims for item in claim.items] == [3, 50, 99]
    assert all(item.attempts == 0 for claim in claims for item in claim.items)
    assert hands.leases.claim(job_id, "worker") is None
    for claim in claims:
        hands.succeed(claim, claim.items[0].index)
        hands.leases.release(claim)
    job = hands.job(job_id)
    assert (job.state, job.counts.succeeded, job.counts.failed) == ("succeeded", 100, 0)
    after = hands.items(job_id)
    again = {3, 50, 99}
    assert [i for i in after if i.index not in again] == [i for i in before if i.index not in again]
    assert all(item.result is not None and item.error is None for item in after)
    assert [data["state"] for kind, data in hands.events(job_id) if kind == "job"] == [
        "queued",
        "running",
        "completed_with_errors",
        "queued",
        "running",
        "succeeded",
    ]


def test_what_fails_again_has_its_new_cause(hands: Hands) -> None:
    job_id = hands.accept(32)
    hands.work(job_id, damaged=[0, 1])
    hands.records.retry(job_id)
    hands.work(job_id, damaged=[1])
    assert sealed(hands, job_id)[:2] == ["000000-0000.jsonl", "000000-0001.jsonl"]
    states = [item.state for item in hands.items(job_id)[:3]]
    assert states == [ItemState.SUCCEEDED, ItemState.FAILED, ItemState.SUCCEEDED]


def test_retry_goes_on_with_what_was_canceled(hands: Hands) -> None:
    job_id = hands.accept(64)
    hands.work(job_id, damaged=[0], chunks=2)
    running = hands.begin(job_id)
    hands.records.cancel(job_id)
    hands.recovery.run()
    job = hands.records.retry(job_id)
    assert (job.state, job.counts.queued, job.counts.succeeded) == ("queued", 57, 7)
    assert not hands.succeed(running, running.items[0].index)
    hands.work(job_id)
    assert hands.job(job_id).state is JobState.SUCCEEDED
    hands.recovery.run()
    assert all(hands.redis.ttl(key) > 0 for key in hands.keys(job_id))


def test_a_retry_takes_the_chunks_from_those_who_hold_them(hands: Hands) -> None:
    job_id = hands.accept(1)
    former = hands.begin(job_id)
    hands.records.cancel(job_id)
    hands.records.retry(job_id)
    assert hands.leases.renew([former]) == [former]
    assert not hands.succeed(former, 0)
    assert hands.claim(job_id).items[0].attempts == 0


def test_there_is_nothing_to_retry_in_an_open_or_a_succeeded_job(hands: Hands) -> None:
    job_id = hands.accept(1)
    with pytest.raises(JobClosed, match="still open"):
        hands.records.retry(job_id)
    hands.work(job_id)
    with pytest.raises(JobClosed, match="nothing to try again"):
        hands.records.retry(job_id)


def test_a_process_that_slept_through_a_retry_cannot_put_old_results_back(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read the results, slept before writing them, and woke when the retry had ended."""
    job_id = hands.accept(1)
    claim = hands.begin(job_id)
    hands.fail(claim, 0)
    sleeper = Hands.of(hands.settings)
    put = type(sleeper.store).put
    kept: list[tuple[Any, ...]] = []
    with monkeypatch.context() as asleep:
        asleep.setattr("storage.local_store.LocalStore.put", lambda *call: kept.append(call))
        sleeper.leases.release(claim)
    hands.recovery.run()
    hands.records.retry(job_id)
    hands.work(job_id)
    for call in kept:
        put(*call)
    assert any(sealed_key(job_id, 0, 0) in call for call in kept)
    item = hands.records.item(job_id, 0)
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
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = hands.accept(1)
    claim = hands.begin(job_id)
    hands.fail(claim, 0)

    def retried() -> None:
        hands.records.retry(job_id)
        assert hands.succeed(hands.begin(job_id), 0)

    meanwhile(monkeypatch, "000000-0000.jsonl", retried)
    hands.leases.release(claim)
    assert hands.records.item(job_id, 0).result is not None
    hands.recovery.run()
    hands.check_result(job_id, 1)


def test_an_end_that_a_retry_undid_is_not_taken_for_the_end(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = hands.accept(1)
    claim = hands.begin(job_id)
    hands.fail(claim, 0)

    def retried() -> None:
        hands.records.retry(job_id)
        hands.records.cancel(job_id)

    meanwhile(monkeypatch, "done.json", retried)
    hands.leases.release(claim)
    hands.recovery.run()
    ending = read_ending(hands.store, job_id)
    assert ending is not None
    assert (ending.record["state"], ending.record["round"]) == ("canceled", "1")


def test_a_sealed_line_is_one_json_object(hands: Hands) -> None:
    job_id = hands.accept(1)
    hands.work(job_id)
    (line,) = hands.store.get(sealed_key(job_id, 0, 0)).splitlines()
    kept = json.loads(line)
    assert (kept["index"], kept["byte"]) == (0, 0x12)
    assert kept["confusion"] == {"9": 7}
