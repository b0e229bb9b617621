"""A stored record that is damaged, missing or of a newer version fails alone, with a cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from roadmask.errors import JobClosed, RecordsUnavailable, StoreUnavailable
from roadmask.schemas.jobs import JobState
from storage.jobs.archive import final_record_key
from storage.jobs.job_file import read_job_file
from storage.jobs.keys import ACCEPTING, UNREADABLE
from storage.jobs.manifest import part_key
from storage.jobs.results import sealed_key
from storage.objects.keys import job_file_key
from storage.objects.local import LocalStore
from storage.redis_text import text, texts
from tests.harness.storage.records_harness import RecordsHarness, manifest_item
from tests.harness.waiting import wait_until

JSON = "application/json"
Damage = Callable[[bytes], bytes]


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


DAMAGES: dict[str, Damage] = {
    "half": half,
    "empty": lambda _: b"",
    "zeros": lambda data: bytes(len(data)),
    "list": lambda _: b"[1, 2]",
    "without_fields": lambda _: b"{}",
    "wrong_types": lambda data: json.dumps(dict.fromkeys(json.loads(data), "?")).encode(),
    "nested": lambda _: b"[" * 100_000,
}


def damage(harness: RecordsHarness, key: str, how: Damage) -> bytes:
    """Damage an object; return its bytes from before."""
    before = harness.store.get(key)
    harness.store.put(key, how(before), JSON)
    return before


def newer(data: bytes) -> bytes:
    """The record as a newer version might write it."""
    return json.dumps(json.loads(data) | {"record_format": 2, "priority": 1}).encode()


def rebuild(harness: RecordsHarness) -> None:
    harness.redis.flushall()
    harness.reconciler.run()


def unreadable(harness: RecordsHarness) -> list[str]:
    return sorted(texts(harness.redis.hkeys(UNREADABLE)))


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_job_file_ends_that_job_and_no_other(
    harness: RecordsHarness, how: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    before, bad, after = (harness.accept(40) for _ in range(3))
    harness.work(bad, chunks=3)
    damage(harness, job_file_key(bad), how)
    rebuild(harness)
    assert job_file_key(bad) in caplog.text
    assert unreadable(harness) == [job_file_key(bad)]
    job = harness.job(bad)
    assert (job.state, job.counts.total, job.counts.succeeded) == ("failed", 40, 6)
    assert job.error is not None
    assert job.error.code == "job_file_unreadable"
    assert [item.state.value for item in harness.items(bad)] == ["succeeded"] * 6 + [
        "canceled"
    ] * 34
    with pytest.raises(JobClosed, match="damaged"):
        harness.records.retry(bad)
    for job_id in (before, after):
        harness.work(job_id)
        harness.check_succeeded(job_id, 40)
    # The epoch is marked: an unknown job is not said to be on its way.
    assert harness.redis.hget("rm:epoch", "server")
    assert int(harness.redis.hget("rm:reconciled", "rounds") or 0) == 1


def test_a_repaired_job_file_is_noticed_and_the_job_goes_on(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.reconciler.rebuild.RETRY_S", 0.0)
    bad = harness.accept(40)
    harness.work(bad, chunks=3)
    good = damage(harness, job_file_key(bad), half)
    rebuild(harness)
    assert harness.job(bad).state is JobState.FAILED
    harness.store.put(job_file_key(bad), good, JSON)
    harness.reconciler.run()
    assert unreadable(harness) == []
    assert harness.job(bad).counts.succeeded == 6
    harness.work(bad)
    harness.check_succeeded(bad, 40)


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_a_job_whose_end_is_stored_needs_no_file(harness: RecordsHarness, how: Damage) -> None:
    job_id = harness.accept(40)
    harness.work(job_id, damaged=[3])
    before = harness.job(job_id)
    damage(harness, job_file_key(job_id), how)
    rebuild(harness)
    assert harness.job(job_id) == before
    harness.store.delete(job_file_key(job_id))
    rebuild(harness)
    assert harness.job(job_id) == before


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_a_job_whose_end_is_damaged_keeps_its_results(harness: RecordsHarness, how: Damage) -> None:
    done, canceled = harness.accept(40), harness.accept(40)
    harness.work(done)
    harness.work(canceled, chunks=3)
    harness.records.cancel(canceled)
    harness.reconciler.run()
    for job_id in (done, canceled):
        damage(harness, final_record_key(job_id), how)
    rebuild(harness)
    harness.check_succeeded(done, 40)
    job = harness.job(canceled)
    assert (job.state, job.counts.succeeded, job.counts.canceled) == ("failed", 6, 34)
    assert job.error is not None
    assert job.error.code == "final_record_unreadable"
    harness.records.retry(canceled)
    harness.work(canceled)
    harness.check_succeeded(canceled, 40)


def test_a_damaged_sealed_chunk_is_worked_on_again(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    harness.work(job_id, chunks=4)
    damage(harness, sealed_key(job_id, 1, 0), lambda data: data[:-20])
    damage(harness, sealed_key(job_id, 2, 0), lambda _: b"\x00\n[]\n{}")
    harness.store.put(f"jobs/{job_id}/results/notes.txt", b"a copy", JSON)
    rebuild(harness)
    assert harness.job(job_id).counts.succeeded == 5
    harness.work(job_id)
    harness.check_succeeded(job_id, 40)


def test_a_damaged_result_is_an_error_of_its_item_alone(harness: RecordsHarness) -> None:
    job_id = harness.accept(40)
    harness.work(job_id)
    damage(harness, sealed_key(job_id, 1, 0), lambda data: b"?" + data[1:])
    items = harness.items(job_id)
    assert [item.index for item in items if item.result is None] == [2]
    assert items[2].error is not None
    assert items[2].error.code == "result_unreadable"


def test_items_without_a_manifest_fail_and_the_others_succeed(
    harness: RecordsHarness, caplog: pytest.LogCaptureFixture
) -> None:
    cut, gone, inline = harness.accept(40), harness.accept(40), harness.accept(2)
    damage(harness, part_key(cut, 0), half)
    harness.store.delete(part_key(gone, 0))
    damage(harness, job_file_key(inline), half)
    for job_id, succeeded in ((cut, 20), (gone, 0), (inline, 0)):
        harness.work(job_id)
        job = harness.job(job_id)
        assert job.state is (JobState.COMPLETED_WITH_ERRORS if succeeded else JobState.FAILED)
        assert (job.counts.succeeded, job.counts.failed) == (
            succeeded,
            job.counts.total - succeeded,
        )
        items = harness.items(job_id)
        assert {item.error.code for item in items if item.error} == {"manifest_unreadable"}
        assert {item.image_id for item in items[succeeded:]} == {"unknown"}
        assert harness.ended_items(job_id) == list(range(job.counts.total))
    assert part_key(cut, 0) in caplog.text


def test_records_of_a_newer_version_are_read(harness: RecordsHarness) -> None:
    """As after a roll-back: fields that this version does not know are ignored, and kept."""
    done, open_job, few = harness.accept(40), harness.accept(40), harness.accept(2)
    harness.work(done)
    harness.work(open_job, chunks=3)
    before = harness.job(done)
    for key in list(harness.store.keys("jobs/")):
        lines = harness.store.get(key).splitlines()
        harness.store.put(key, b"\n".join(map(newer, lines)) + b"\n", JSON)
    rebuild(harness)
    assert unreadable(harness) == []
    assert harness.job(done) == before
    for job_id, total in ((open_job, 40), (few, 2)):
        harness.work(job_id)
        harness.check_succeeded(job_id, total)
    kept = json.loads(harness.store.get(job_file_key(open_job)))
    assert (kept["priority"], kept["round"]) == (1, 1)
    assert all(item.result for item in harness.items(open_job))


def test_what_a_newer_version_left_out_is_named_with_its_format(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    file = json.loads(harness.store.get(job_file_key(job_id)))
    del file["total"]
    harness.store.put(job_file_key(job_id), newer(json.dumps(file).encode()), JSON)
    rebuild(harness)
    cause = text(harness.redis.hget(UNREADABLE, job_file_key(job_id)))
    assert "total" in cause
    assert "format 2" in cause


def test_every_record_has_its_format(harness: RecordsHarness) -> None:
    job_id = harness.accept(2)
    harness.work(job_id)
    for key in (job_file_key(job_id), final_record_key(job_id)):
        assert json.loads(harness.store.get(key))["record_format"] == 1


def test_a_file_that_the_disk_refuses_is_tried_again_and_keeps_nothing_from_running(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.reconciler.rebuild.RETRY_S", 0.0)
    bad, good = harness.accept(40), harness.accept(40)
    get = LocalStore.get

    def refusing(store: LocalStore, key: str) -> bytes:
        if key == job_file_key(bad):
            raise StoreUnavailable("The object store's folder cannot be used: Input/output error.")
        return get(store, key)

    with monkeypatch.context() as disk:
        disk.setattr(LocalStore, "get", refusing)
        rebuild(harness)
        harness.work(good)
        harness.check_succeeded(good, 40)
        with pytest.raises(RecordsUnavailable, match="Input/output error"):
            harness.job(bad)
    harness.reconciler.run()
    harness.work(bad)
    harness.check_succeeded(bad, 40)
    assert unreadable(harness) == []


def test_without_the_store_leases_expire_and_deadlines_pass(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, late = harness.accept(32), harness.accept(1, deadline_s=0.001)
    harness.begin(held)

    def down(*_: object) -> Any:
        raise StoreUnavailable("The store does not answer.")

    with monkeypatch.context() as outage:
        for call in ("get", "put", "keys", "check"):
            outage.setattr(LocalStore, call, down)
        # Redis was emptied of its epoch as well, so the rebuild comes first, and cannot run.
        harness.redis.delete("rm:epoch")

        def ended() -> bool:
            with pytest.raises(StoreUnavailable):
                harness.reconciler.run()
            return harness.job(late).state is JobState.EXPIRED

        wait_until(ended)
        wait_until(lambda: ended() and harness.job(held).counts.running == 0)
    assert b"does not answer" in (harness.redis.hget("rm:reconciled", "error") or b"")
    harness.reconciler.run()
    assert harness.redis.hget("rm:reconciled", "error") == b""


def test_a_damaged_record_in_redis_keeps_no_other_back(
    harness: RecordsHarness, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = harness.accept(32), harness.accept(32)
    harness.begin(good)
    harness.redis.hdel(f"rm:job:{bad}", "lane", "total")
    harness.redis.hset(f"rm:job:{bad}", "deadline", "soon")
    wait_until(lambda: harness.reconciler.run().leases)
    assert bad in caplog.text
    assert [job.id for job in harness.records.page(None, 10).jobs] == [good, bad]


def test_a_job_that_was_never_acknowledged_does_not_appear(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API is killed between `job.json` and the record, and the client repeats its request."""
    harness.reconciler.run()

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as death:
        death.setattr("storage.jobs.scripts.JobScripts.create_job", killed)
        with pytest.raises(SystemExit):
            harness.accept_with_key("key", 40)
    (lost,) = {key.split("/")[1] for key in harness.store.keys("jobs/")}
    accepted = harness.accept_with_key("key", 40)
    harness.redis.hset("rm:epoch", "server", "the run id before the restart")
    assert harness.reconciler.run().rebuilt == 0
    assert [job.id for job in harness.records.page(None, 10).jobs] == [accepted]
    assert harness.accept_with_key("key", 40) == accepted
    # Also when Redis has forgotten who was being accepted.
    rebuild(harness)
    assert [job.id for job in harness.records.page(None, 10).jobs] == [accepted]
    assert harness.accept_with_key("key", 40) == accepted
    assert read_job_file(harness.store, lost).idempotency_key is not None


def begun_long_ago(harness: RecordsHarness) -> None:
    """Make all jobs that are being accepted an hour older."""
    for job_id in texts(harness.redis.zrange(ACCEPTING, 0, -1)):
        harness.redis.zadd(ACCEPTING, {job_id: 1})


def test_what_an_api_that_died_wrote_is_deleted(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as death:
        death.setattr("storage.jobs.scripts.JobScripts.create_job", killed)
        with pytest.raises(SystemExit):
            harness.accept(40)
    assert harness.reconciler.run().abandoned == 0
    begun_long_ago(harness)
    assert harness.reconciler.run().abandoned == 1
    assert list(harness.store.keys("jobs/")) == []
    assert harness.redis.zcard("rm:accepting") == 0


def test_a_job_that_was_abandoned_meanwhile_is_not_accepted(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list took an hour, and its objects are being deleted."""

    def slow() -> Any:
        yield from map(manifest_item, range(20))
        begun_long_ago(harness)
        harness.reconciler.run()

    with pytest.raises(RecordsUnavailable, match="Send the request again"):
        harness.accept_items(slow())
    assert list(harness.store.keys("jobs/")) == []
    assert harness.records.page(None, 10).jobs == []


def test_an_accepted_job_leaves_nothing_behind_it(harness: RecordsHarness) -> None:
    harness.accept(40)
    with pytest.raises(ValueError, match="no such image"):
        harness.accept_items(failing())
    assert harness.redis.zcard("rm:accepting") == 0


def failing() -> Any:
    yield from map(manifest_item, range(2000))
    raise ValueError("no such image")
