"""Manifests: parts of 1024 items, read where they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmask.errors import ObjectNotFound
from roadmask.jobs import ImageRef, JobCreate
from storage.job_files import job_file, read_job_file, write_job_file
from storage.local_store import LocalStore
from storage.manifest import FEW, PART, ManifestItem, part_key, read_range, write_manifest


def items(total: int) -> Iterator[ManifestItem]:
    for number in range(total):
        truth = "t" * 64 if number % 2 else None
        yield ManifestItem(f"scenes/{number:06d}", f"mine-{number}", f"{number:064x}", truth)


@pytest.mark.parametrize("total", [0, 1, PART - 1, PART, PART + 1, 2 * PART + 5])
def test_what_was_written_is_read(store: LocalStore, total: int) -> None:
    assert write_manifest(store, f"job{total}", items(total)) == total
    assert read_range(store, f"job{total}", 0, total) == list(items(total))


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (7, 7), (PART - 1, PART), (PART - 2, PART + 2), (PART, PART + 64), (5, 2 * PART + 3)],
)
def test_any_range_is_read(store: LocalStore, start: int, stop: int) -> None:
    write_manifest(store, "job", items(2 * PART + 5))
    assert read_range(store, "job", start, stop) == list(items(2 * PART + 5))[start:stop]


def test_a_range_reads_only_its_parts(store: LocalStore) -> None:
    write_manifest(store, "job", items(3 * PART))
    for part in (0, 2):
        store.delete(part_key("job", part))
    assert len(read_range(store, "job", PART, 2 * PART)) == PART
    with pytest.raises(ObjectNotFound):
        read_range(store, "job", PART - 1, PART + 1)


def test_behind_the_end_there_is_nothing(store: LocalStore) -> None:
    write_manifest(store, "job", items(10))
    assert read_range(store, "job", 8, 64) == list(items(10))[8:]
    with pytest.raises(ObjectNotFound):
        read_range(store, "job", PART, PART + 1)


def test_parts_are_read_once(store: LocalStore) -> None:
    write_manifest(store, "job", items(64))
    read_range(store, "job", 0, 8)
    store.delete(part_key("job", 0))
    assert read_range(store, "job", 8, 64) == list(items(64))[8:]


def test_stores_do_not_share_what_was_read(store: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other", "http://127.0.0.1", "secret")
    other.check()
    write_manifest(store, "job", items(2))
    write_manifest(other, "job", items(1))
    assert len(read_range(store, "job", 0, 8)) == 2
    assert len(read_range(other, "job", 0, 8)) == 1


@pytest.mark.parametrize(
    "name", ['a"b\\', "line\nbreak\r", "\u2028\u2029\x85", "画像", "𝕒", "\ud800"]
)
def test_odd_names_stay_on_their_line(store: LocalStore, name: str) -> None:
    odd = ManifestItem("a", name, "0" * 64, None)
    write_manifest(store, "job", [odd, odd])
    assert read_range(store, "job", 0, 2) == [odd, odd]


def test_a_part_is_json_lines(store: LocalStore) -> None:
    write_manifest(store, "job", items(2))
    first, second = store.get("jobs/job/manifest/00000.jsonl").splitlines()
    assert json.loads(first) == {
        "image": "scenes/000000",
        "custom_id": "mine-0",
        "sha256": "0" * 64,
        "truth": None,
    }
    assert json.loads(second)["truth"] == "t" * 64


def test_few_items_are_read_from_the_request(store: LocalStore) -> None:
    few = tuple(items(FEW))
    request = JobCreate(images=[ImageRef(id=item.image) for item in few])
    write_job_file(store, job_file("job", request, "default", FEW, None, items=few))
    assert read_job_file(store, "job").items == few
    assert read_range(store, "job", 2, 64) == list(few[2:])
    with pytest.raises(ObjectNotFound):
        read_range(store, "job", 0, PART + 1)


def test_a_request_without_items_leads_to_the_manifest(store: LocalStore) -> None:
    many = list(items(FEW + 1))
    write_manifest(store, "job", many)
    request = JobCreate(images=[ImageRef(id=item.image) for item in many])
    write_job_file(store, job_file("job", request, "default", len(many), None))
    assert read_range(store, "job", 0, 64) == many
