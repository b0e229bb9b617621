"""One bad thing of each kind, in the store or in Redis, keeps no duty and no neighbour back."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from roadmask.errors import Conflict, RecordsUnavailable, RoadmaskError
from storage.access.caller import ANYBODY, owner_alone
from storage.access.ownership import DATASET_OWNERS
from storage.access.readers import Readers
from storage.access.upload_index import UPLOADS_OF
from storage.backends import StorageBackends
from storage.jobs.archive import final_record_key
from storage.jobs.job_file import read_job_file
from storage.jobs.keys import DUE_DELIVERIES, UNREADABLE, job_key
from storage.jobs.results import read_sealed, sealed_key
from storage.objects import local
from storage.objects.keys import DATASETS, OWNERS, job_file_key, job_prefix
from storage.redis_text import text
from tests.harness.storage.records_harness import RecordsHarness
from tests.harness.waiting import wait_until
from tests.storage.catalogue.entries import fill

JSON = "application/json"
URL = "https://hooks.example.com/roadmask"
MISSING = object()
VALUES: tuple[object, ...] = (
    *(MISSING, None, True, -1, 0, 7, 10**30, -(10**30), 1e308, float("nan"), float("inf")),
    *("", "x", "9" * 30, "1e3", "\ud800", "a\0b", [], {}, [[]], {"a": {"b": 1}}, [1, 2, 3]),
)
MUTATIONS = 40
"""Mutations of each record that are tried; the seed chooses them."""


def rounds(harness: RecordsHarness) -> int:
    return int(harness.redis.hget("rm:reconciled", "rounds") or 0)


def failing(harness: RecordsHarness) -> str:
    return text(harness.redis.hget("rm:reconciled", "error") or b"")


def paths(fields: Any) -> Iterator[tuple[str, ...]]:
    """Each member of a record, and those of its objects."""
    for name, value in fields.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, inner) for inner in value)


def mutated(data: bytes, path: tuple[str, ...], value: object) -> bytes:
    """The record with another value of a member. Of JSON lines, the first one is changed."""
    first, *more = data.splitlines()
    fields = json.loads(first)
    members = fields
    for name in path[:-1]:
        members = members[name]
    if value is MISSING:
        del members[path[-1]]
    else:
        members[path[-1]] = value
    return b"\n".join([json.dumps(fields).encode(), *more])


def check_read(harness: RecordsHarness, job_id: str) -> None:
    """Assert that a job can be read, or that its error is one of ours."""
    for read in (harness.job, harness.items):
        with suppress(RoadmaskError):
            read(job_id)


@pytest.mark.parametrize("kind", ["job file", "job file of an open job", "final", "sealed"])
def test_each_wrong_member_of_a_stored_record_stays_with_its_job(
    harness: RecordsHarness, kind: str
) -> None:
    bad, neighbour = harness.accept(4, webhook=URL, name="n", deadline_s=9999.0), harness.accept(4)
    harness.work(bad, damaged=[1], chunks=2 if "open" in kind else None)
    keys = {"final": final_record_key(bad), "sealed": sealed_key(bad, 0, 0)}
    key = keys.get(kind, job_file_key(bad))
    objects = {key: harness.store.get(key) for key in harness.store.keys("")}
    first = json.loads(objects[key].splitlines()[0])
    cases = [(path, value) for path in paths(first) for value in VALUES]
    for path, value in random.Random(7).sample(cases, MUTATIONS):
        harness.redis.flushall()
        for stale in set(harness.store.keys("")) - set(objects):
            harness.store.delete(stale)
        for name, data in objects.items():
            harness.store.put(name, data, JSON, durable=False)
        harness.store.put(key, mutated(objects[key], path, value), JSON, durable=False)
        harness.reconciler.run()
        assert rounds(harness) == 1, (path, value)
        assert failing(harness) == "", (path, value)
        assert neighbour in {job.id for job in harness.records.page(None, 9).jobs}, (path, value)
        check_read(harness, bad)
        harness.work(neighbour)
        harness.check_succeeded(neighbour, 4)


def test_each_wrong_key_of_redis_stays_with_its_job(harness: RecordsHarness) -> None:
    """Each key of a job in turn is of another type, or a hash lacks a member or has a wrong one."""
    harness.reconciler.run()
    bad = harness.accept(4, webhook=URL)
    harness.work(bad, chunks=2)
    harness.claim(bad)
    dump = {key: harness.redis.dump(key) for key in harness.keys(bad)}
    fields = list(harness.redis.hgetall(job_key(bad)))
    cases: list[tuple[str, str, Any]] = [(key, "type", None) for key in dump]
    cases += [(job_key(bad), "member", (name, value)) for name in fields for value in ("", "x")]
    cases += [(job_key(bad), "without", name) for name in fields]
    for key, how, what in cases:
        for name, data in dump.items():
            harness.redis.restore(name, 0, data or b"", replace=True)
        if how == "type":
            harness.redis.delete(key)
            harness.redis.lpush(key, "x")
        elif how == "member":
            harness.redis.hset(key, *what)
        else:
            harness.redis.hdel(key, what)
        good, before = harness.accept(2), rounds(harness)
        harness.reconciler.run()
        assert rounds(harness) == before + 1, (key, how, what)
        assert good in {job.id for job in harness.records.page(None, 99).jobs}, (key, how, what)
        harness.work(good)
        harness.check_succeeded(good, 2)
    harness.redis.delete(*harness.keys(bad))


def test_an_object_that_the_disk_refuses_stops_no_other_archive(
    harness: RecordsHarness,
) -> None:
    """A folder has the place of the final record of one job, so it cannot be written."""
    first, second = harness.accept(2), harness.accept(2)
    place = harness.settings.objects_dir / final_record_key(first)
    place.mkdir(parents=True)
    (place / "full").touch()
    for job_id in (first, second):
        harness.records.cancel(job_id)
    harness.reconciler.run()
    assert harness.store.exists(final_record_key(second))
    assert first in failing(harness)
    shutil.rmtree(place)
    harness.reconciler.run()
    assert failing(harness) == ""
    assert harness.store.exists(final_record_key(first))


def test_a_folder_that_cannot_be_listed_hides_no_other_job(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.reconciler.rebuild.RETRY_S", 0.0)
    first, hidden, last = (harness.accept(20) for _ in range(3))
    names = local._names

    def refusing(folder: Path) -> Iterator[str]:
        if folder.name == hidden:
            raise PermissionError(13, "Permission denied")
        return names(folder)

    with monkeypatch.context() as disk:
        disk.setattr(local, "_names", refusing)
        harness.redis.flushall()
        harness.reconciler.run()
        assert harness.redis.hkeys(UNREADABLE) == [b"jobs/"]
        for job_id in (first, last):
            harness.work(job_id)
            harness.check_succeeded(job_id, 20)
        with pytest.raises(RecordsUnavailable, match="Permission denied"):
            harness.job(hidden)
    harness.reconciler.run()
    assert harness.redis.hkeys(UNREADABLE) == []
    harness.work(hidden)
    harness.check_succeeded(hidden, 20)


def test_names_that_no_key_has_are_no_objects(harness: RecordsHarness) -> None:
    """As `lost+found` of a disk, and `@eaDir` of some network storages."""
    job_id = harness.accept(20)
    for name in ("lost+found", "@eaDir", "a b"):
        folder = harness.settings.objects_dir / "jobs" / name
        folder.mkdir()
        (folder / "job.json").write_bytes(b"{}")
        (harness.settings.objects_dir / job_prefix(job_id) / name).write_bytes(b"")
    (harness.settings.objects_dir / "jobs/notes").mkdir()
    (harness.settings.objects_dir / "jobs/notes/job.json").write_bytes(b"{}")
    harness.redis.flushall()
    harness.reconciler.run()
    assert harness.redis.hkeys(UNREADABLE) == []
    harness.work(job_id)
    harness.check_succeeded(job_id, 20)


@pytest.mark.parametrize(
    "facts", [{"bytes": 10**30}, {"bytes": -1}, {"bytes": 1, "filename": "\ud800"}, {"bytes": "x"}]
)
def test_an_odd_marker_of_an_upload_stops_no_rebuild(
    harness: RecordsHarness, facts: dict[str, object]
) -> None:
    job_id = harness.accept(20)
    odd, good = (f"{OWNERS}{'ab' * 6}/images/{n * 64}.json" for n in "12")
    harness.store.put(odd, json.dumps(facts).encode(), JSON)
    harness.store.put(good, b'{"bytes": 5, "filename": "a.png"}', JSON)
    harness.store.put(f"{OWNERS}README", b"", JSON)
    harness.redis.flushall()
    harness.reconciler.run()
    assert harness.redis.hget("rm:epoch", "server")
    assert sorted(harness.redis.hkeys(UNREADABLE)) == [f"{OWNERS}README".encode(), odd.encode()]
    owned = harness.redis.hgetall(f"{UPLOADS_OF}{'ab' * 6}")
    assert owned == {b"images/" + b"1" * 64: b"0", b"images/" + b"2" * 64: b"5"}
    harness.work(job_id)
    harness.check_succeeded(job_id, 20)


@pytest.mark.parametrize("name", [5, ["a"], "\ud800"])
def test_an_odd_marker_of_a_dataset_stops_no_rebuild(harness: RecordsHarness, name: object) -> None:
    marker = {"owner": "ab" * 6, "name": name}
    harness.store.put("datasets/odd.json", json.dumps(marker).encode(), JSON)
    harness.redis.flushall()
    harness.reconciler.run()
    assert harness.redis.hget("rm:epoch", "server")
    assert harness.redis.hkeys(UNREADABLE) == [b"datasets/odd.json"]
    assert harness.redis.hget(DATASET_OWNERS, "odd") == b'{"owner": "unreadable"}'


def test_a_dataset_whose_marker_cannot_be_read_is_shared_once_its_owner_is_known(
    harness: RecordsHarness,
) -> None:
    storage = StorageBackends.build(harness.redis, harness.store, harness.settings)
    camera = owner_alone("camera")
    storage.ownership.claim_dataset(camera, "night", is_new=True)
    fill(storage.catalogue.seen_by(camera), "night", ["a"])
    [key] = harness.store.keys(DATASETS)
    marker = harness.store.get(key)
    harness.store.put(key, b"{", JSON)
    harness.redis.flushall()
    harness.reconciler.run()
    with pytest.raises(Conflict, match=key):
        storage.dataset_sharing.share(ANYBODY, "night", Readers(keys=("other",)))
    assert harness.store.get(key) == b"{"
    harness.store.put(key, marker, JSON)
    storage.dataset_sharing.restore(key)
    storage.dataset_sharing.share(ANYBODY, "night", Readers(keys=("other",)))
    shared = storage.ownership.dataset("night")
    assert shared is not None
    assert (shared.owner, shared.readers) == ("camera", ("other",))


def test_a_huge_round_is_not_counted_down(harness: RecordsHarness) -> None:
    job_id = harness.accept(20)
    harness.work(job_id, damaged=[1])
    assert len(read_sealed(harness.store, job_id, 0, 10**9)) == 1


def test_a_huge_total_is_no_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(20)
    file = json.loads(harness.store.get(job_file_key(job_id)))
    for member in ("total", "round", "created_ms"):
        changed = json.dumps(file | {member: 10**15}).encode()
        harness.store.put(job_file_key(job_id), changed, JSON)
        with pytest.raises(RoadmaskError, match=member):
            read_job_file(harness.store, job_id)


def test_a_webhook_that_cannot_be_read_keeps_no_other_back(harness: RecordsHarness) -> None:
    deliveries = StorageBackends.build(harness.redis, harness.store, harness.settings).deliveries
    wrong, odd, negative, good = (harness.accept(1, webhook=URL) for _ in range(4))
    for job_id in (wrong, odd, negative, good):
        harness.work(job_id)
    harness.redis.delete(f"{job_key(wrong)}:deliveries")
    harness.redis.lpush(f"{job_key(wrong)}:deliveries", "x")
    for job_id, change in ((odd, {"url": "http://[x]"}), (negative, {"attempts": -1})):
        key = f"{job_key(job_id)}:deliveries"
        delivery = json.loads(harness.redis.hget(key, "0") or b"")
        harness.redis.hset(key, "0", json.dumps(delivery | change))
    harness.redis.zadd(DUE_DELIVERIES, {"noise": 1, f"{good} x": 1})
    wait_until(lambda: [due.job_id for due in deliveries.take_due(16)] == [good])
    assert harness.redis.zscore(DUE_DELIVERIES, "noise") is None
    harness.redis.delete(f"{job_key(wrong)}:deliveries")
