"""A damaged key in Redis: an open job is restored alone, and a key of all jobs is made again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from roadmask.errors import StoreUnavailable
from roadmask.schemas.jobs import JobState, Lane
from storage.jobs.keys import WAITING, job_key, open_key
from storage.objects.keys import job_file_key
from storage.objects.local import LocalStore
from storage.queue import lane_key
from storage.reconciler.report import read_report
from storage.reconciler.shared_keys import TYPES
from storage.redis_text import text
from storage.telemetry.service_state import read_service_state
from tests.harness.storage.records_harness import RecordsHarness

TOTAL = 40


def failing(harness: RecordsHarness) -> str:
    return text(harness.redis.hget("rm:reconciled", "error") or b"")


def waiting(harness: RecordsHarness, lane: Lane = Lane.BATCH) -> int:
    return read_service_state(harness.redis).lanes[lane].items


def damages(harness: RecordsHarness, job_id: str) -> Iterator[tuple[str, str, str | None]]:
    """Key, field and value (None: missing) of each damage that keeps a job from going on."""
    for key in harness.keys(job_id):
        yield key, "type", None
    for field in ("state", "lane", "total", "chunk_size", "chunks", "token", "model", "round"):
        yield job_key(job_id), field, None
        if field != "model":
            yield job_key(job_id), field, "x"
    for field in ("deadline", "cursor", "succeeded", "running", "touched", "error_threshold"):
        yield job_key(job_id), field, "soon"
    yield f"{job_key(job_id)}:items", "missing", None
    yield job_key(job_id), "missing", None


def damage(harness: RecordsHarness, key: str, field: str, value: str | None) -> None:
    if field in ("type", "missing"):
        harness.redis.delete(key)
        if field == "type":
            harness.redis.lpush(key, "x")
    elif value is None:
        harness.redis.hdel(key, field)
    else:
        harness.redis.hset(key, field, value)


def test_an_open_job_with_a_damaged_record_is_restored_alone(harness: RecordsHarness) -> None:
    harness.reconciler.run()
    good = harness.accept(TOTAL)
    probe = harness.accept(TOTAL)
    harness.work(probe, chunks=3)
    harness.begin(probe)
    harness.succeed(harness.claim(probe), 8)
    whole = len(job_key(probe))
    cases = [(key[whole:], field, value) for key, field, value in damages(harness, probe)]
    harness.records.cancel(probe)
    for part, field, value in cases:
        bad = harness.accept(TOTAL, name="night")
        harness.work(bad, chunks=3)
        stale = harness.begin(bad)
        # One item is committed and not sealed: it is worked on again, and counts once.
        unsealed = harness.begin(bad)
        harness.succeed(unsealed, unsealed.items[0].index)
        damage(harness, f"{job_key(bad)}{part}", field, value)
        harness.reconciler.run()
        case = (part, field, value)
        assert failing(harness) == "", case
        job = harness.job(bad)
        assert (job.name, job.counts.total, job.counts.succeeded) == ("night", TOTAL, 6), case
        assert not harness.succeed(stale, stale.items[1].index), case
        harness.work(bad)
        harness.check_succeeded(bad, TOTAL)
        assert harness.ended_items(bad) == list(range(6, TOTAL)), case
        harness.reconciler.run()
        assert waiting(harness) == TOTAL, case
    harness.work(good)
    harness.check_succeeded(good, TOTAL)


def test_a_job_of_which_only_the_damaged_record_is_left_fails_with_a_cause(
    harness: RecordsHarness,
) -> None:
    harness.reconciler.run()
    bad, gone = harness.accept(TOTAL), harness.accept(TOTAL)
    harness.work(bad, chunks=3)
    for job_id in (bad, gone):
        harness.store.delete(job_file_key(job_id))
    harness.redis.hdel(job_key(bad), "total")
    harness.redis.delete(*harness.keys(gone))
    harness.reconciler.run()
    harness.reconciler.run()
    job = harness.job(bad)
    assert (job.state, job.counts.succeeded) == (JobState.FAILED, 6)
    assert job.error is not None
    assert job.error.code == "job_file_unreadable"
    assert harness.redis.zrange(open_key(Lane.BATCH), 0, -1) == []
    assert waiting(harness) == 0


def test_a_job_whose_counts_are_wrong_is_restored(harness: RecordsHarness) -> None:
    """Nothing can be claimed, and too few items ended: it would stay open for ever."""
    harness.reconciler.run()
    bad = harness.accept(TOTAL)
    harness.work(bad, chunks=3)
    harness.redis.hdel(job_key(bad), "succeeded")
    harness.work(bad)
    assert harness.job(bad).state is JobState.RUNNING
    harness.reconciler.run()
    harness.work(bad)
    assert harness.job(bad).state is JobState.SUCCEEDED


def test_a_store_that_is_away_leaves_the_damaged_record(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.reconciler.run()
    bad = harness.accept(TOTAL)
    harness.redis.hdel(job_key(bad), "total")

    def down(*_: object) -> None:
        raise StoreUnavailable("The store does not answer.")

    with monkeypatch.context() as outage:
        for call in ("get", "put", "keys", "check"):
            outage.setattr(LocalStore, call, down)
        with pytest.raises(StoreUnavailable):
            harness.reconciler.run()
        assert harness.redis.exists(job_key(bad))
    harness.reconciler.run()
    harness.work(bad)
    harness.check_succeeded(bad, TOTAL)


@pytest.mark.parametrize("key", TYPES)
def test_a_shared_key_of_the_wrong_type_is_made_again(harness: RecordsHarness, key: str) -> None:
    harness.reconciler.run()
    idle, ended, begun = (harness.accept(TOTAL) for _ in range(3))
    harness.work(ended)
    harness.work(begun, chunks=2)
    harness.records.cancel(idle)
    harness.redis.delete(key)
    if TYPES[key] == "list":
        harness.redis.hset(key, "x", "x")
    else:
        harness.redis.rpush(key, "x")
    harness.reconciler.run()
    harness.reconciler.run()
    assert failing(harness) == ""
    assert [job.id for job in harness.records.page(None, 9).jobs] == [begun, ended, idle]
    assert harness.redis.zrange(open_key(Lane.BATCH), 0, -1) == [begun.encode()]
    assert waiting(harness) == TOTAL - 4
    new = harness.accept(TOTAL)
    for job_id in (begun, new):
        harness.work(job_id)
        harness.check_succeeded(job_id, TOTAL)
    harness.reconciler.run()
    assert harness.redis.scard("rm:closing") == 0


def test_an_index_is_made_again_with_what_waits(harness: RecordsHarness) -> None:
    """Jobs that are not archived yet, and webhooks that are not sent yet."""
    harness.reconciler.run()
    job_id = harness.accept(2, webhook="https://hooks.example.com/roadmask")
    harness.work(job_id)
    ended = harness.accept(2)
    harness.records.cancel(ended)
    for key in ("rm:closing", "rm:deliveries"):
        harness.redis.delete(key)
        harness.redis.rpush(key, "x")
    harness.reconciler.run()
    assert harness.redis.zrange("rm:deliveries", 0, -1) == [f"{job_id} 0".encode()]
    assert harness.redis.ttl(job_key(ended)) > 0


def test_a_leader_without_an_end_is_replaced(harness: RecordsHarness) -> None:
    harness.redis.set("rm:reconciler", "another")
    harness.reconciler.run()
    assert 0 < harness.redis.pttl("rm:reconciler") <= 10_000


def test_what_is_no_job_keeps_no_lane_back(harness: RecordsHarness) -> None:
    harness.reconciler.run()
    job_id = harness.accept(TOTAL)
    harness.redis.zadd(open_key(Lane.BATCH), {b"noise": 0, b"\xff": 1})
    harness.redis.zadd("rm:jobs", {b"noise": 0, b"!\xff": 0})
    harness.redis.zadd("rm:accepting", {b"noise": 1, b"\xff": 1})
    harness.redis.sadd("rm:closing", "noise", b"\xff")
    harness.reconciler.run()
    assert failing(harness) == ""
    assert harness.redis.zrange(open_key(Lane.BATCH), 0, -1) == [job_id.encode()]
    assert [job.id for job in harness.records.page(None, 9).jobs] == [job_id]
    assert harness.redis.zrange("rm:accepting", 0, -1) == []
    assert b"!\xff" not in harness.redis.zrange("rm:jobs", 0, -1)
    harness.redis.srem("rm:closing", "noise", b"\xff")


@pytest.mark.parametrize("how", ["type", "x", "-5", "1e400"])
def test_wrong_tallies_fail_no_step(harness: RecordsHarness, how: str) -> None:
    """The waiting items and the rates are for estimates: no commit and no request needs them."""
    harness.reconciler.run()
    job_id = harness.accept(TOTAL)
    harness.work(job_id, chunks=2)
    for key in (WAITING, *harness.redis.keys("rm:rate:*")):
        harness.redis.delete(key)
        if how == "type":
            harness.redis.rpush(key, "x")
        elif key == WAITING:
            harness.redis.hset(key, Lane.BATCH, how)
        else:
            harness.redis.set(key, how, ex=90)
    if how != "type":  # which the next round mends
        assert waiting(harness) == 0
        harness.accept(2)
    harness.job(job_id)
    harness.work(job_id)
    harness.check_succeeded(job_id, TOTAL)
    harness.reconciler.run()
    assert waiting(harness) == 0
    assert waiting(harness, Lane.INTERACTIVE) == (0 if how == "type" else 2)
    for key in harness.redis.keys("rm:rate:*"):
        harness.redis.delete(key)


@pytest.mark.parametrize("value", ["x", "", "-1", "1e9"])
def test_wrong_members_of_the_reconciler_keep_nothing_back(
    harness: RecordsHarness, value: str
) -> None:
    harness.reconciler.run()
    job_id = harness.accept(TOTAL)
    for member in ("rounds", "last_ms", "rebuilt", "error"):
        harness.redis.hset("rm:reconciled", member, value)
    harness.redis.hset("rm:epoch", mapping={"seen": value, "server": "another"})
    read_report(harness.redis)
    harness.reconciler.run()
    harness.reconciler.run()
    report = read_report(harness.redis)
    assert (report.error, report.age_s is not None) == ("", True)
    assert report.rounds > 0
    harness.work(job_id)
    harness.check_succeeded(job_id, TOTAL)


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_whose_messages_are_damaged_gets_new_ones(
    harness: RecordsHarness, lane: Lane
) -> None:
    harness.reconciler.run()
    job_id = harness.accept(TOTAL, lane)
    harness.redis.set(lane_key(lane), "x")
    harness.reconciler.run()
    assert failing(harness) == ""
    assert harness.queue.take(lane, 0.1) == job_id
