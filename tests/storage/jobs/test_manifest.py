"""Manifests: parts of 1024 items, read where they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from roadmask.schemas.jobs import ImageRef, JobCreate
from storage.jobs.job_file import new_job_file, read_job_file, write_job_file
from storage.jobs.manifest import (
    INLINE_ITEMS,
    PART,
    ManifestItem,
    part_key,
    read_range,
    write_manifest,
)
from storage.objects.local import LocalStore


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
    assert None not in read_range(store, "job", PART, 2 * PART)
    before, after = read_range(store, "job", PART - 1, PART + 1)
    assert (before, after) == (None, list(items(PART + 1))[-1])


def test_behind_the_end_there_is_nothing(store: LocalStore) -> None:
    write_manifest(store, "job", items(10))
    assert read_range(store, "job", 8, 12) == [*list(items(10))[8:], None, None]
    assert read_range(store, "job", PART, PART + 1) == [None]


def test_parts_are_read_once(store: LocalStore) -> None:
    write_manifest(store, "job", items(64))
    read_range(store, "job", 0, 8)
    store.delete(part_key("job", 0))
    assert read_range(store, "job", 8, 64) == list(items(64))[8:]


def damaged(store: LocalStore, lines: list[bytes]) -> list[int]:
    """Write these lines as the first part; return the indices of the items that can be read.

    Each of them must be the item of its index.
    """
    job = uuid4().hex  # Parts are cached.
    store.put(part_key(job, 0), b"".join(lines), "application/jsonl")
    found = read_range(store, job, 0, 10)
    for item, written in zip(found, items(10), strict=True):
        assert item in (None, written)
    return [index for index, item in enumerate(found) if item]


def test_a_damaged_line_is_one_item(store: LocalStore) -> None:
    write_manifest(store, "job", items(10))
    lines = store.get(part_key("job", 0)).splitlines(keepends=True)
    assert damaged(store, lines) == list(range(10))
    for bad in (b"{\n", b"\x00" * 40 + b"\n", b"[]\n", b'{"image": 5}\n', b"\xff\xfe\n"):
        assert damaged(store, [*lines[:4], bad, *lines[5:]]) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_half_a_part_is_half_of_its_items(store: LocalStore) -> None:
    write_manifest(store, "job", items(10))
    lines = store.get(part_key("job", 0)).splitlines(keepends=True)
    assert damaged(store, [*lines[:4], lines[4][:20]]) == [0, 1, 2, 3]
    assert damaged(store, lines[:4]) == [0, 1, 2, 3]
    assert damaged(store, []) == []


def test_a_lost_or_added_newline_gives_no_item_another_image(store: LocalStore) -> None:
    write_manifest(store, "job", items(10))
    lines = store.get(part_key("job", 0)).splitlines(keepends=True)
    lost = [*lines[:4], lines[4].replace(b"\n", b" "), *lines[5:]]
    assert damaged(store, lost) == [0, 1, 2, 3]
    added = [*lines[:4], lines[4][:9] + b"\n" + lines[4][10:], *lines[5:]]
    assert damaged(store, added) == [0, 1, 2, 3]


def test_a_repaired_part_is_read_again(store: LocalStore) -> None:
    write_manifest(store, "job", items(10))
    part = store.get(part_key("job", 0))
    store.put(part_key("job", 0), part[:50], "application/jsonl")
    assert read_range(store, "job", 0, 1) == [None]
    store.put(part_key("job", 0), part, "application/jsonl")
    assert None not in read_range(store, "job", 0, 10)


def test_a_field_of_a_newer_version_is_ignored(store: LocalStore) -> None:
    write_manifest(store, "job", items(10))
    lines = store.get(part_key("job", 0)).splitlines()
    newer = [json.dumps(json.loads(line) | {"crop": [0, 1]}).encode() + b"\n" for line in lines]
    assert damaged(store, newer) == list(range(10))


def test_stores_do_not_share_what_was_read(store: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other", "http://127.0.0.1", "secret")
    other.check()
    write_manifest(store, "job", items(2))
    write_manifest(other, "job", items(1))
    assert read_range(store, "job", 0, 3) == [*items(2), None]
    assert read_range(other, "job", 0, 2) == [*items(1), None]


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
    few = tuple(items(INLINE_ITEMS))
    request = JobCreate(images=[ImageRef(id=item.image) for item in few])
    write_job_file(store, new_job_file("job", request, "default", INLINE_ITEMS, None, items=few))
    assert read_job_file(store, "job").items == few
    assert read_range(store, "job", 2, INLINE_ITEMS) == list(few[2:])


def test_a_request_without_items_leads_to_the_manifest(store: LocalStore) -> None:
    many = list(items(INLINE_ITEMS + 1))
    write_manifest(store, "job", many)
    request = JobCreate(images=[ImageRef(id=item.image) for item in many])
    write_job_file(store, new_job_file("job", request, "default", len(many), None))
    assert read_range(store, "job", 0, len(many)) == many
