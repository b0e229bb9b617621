"""Manifests: the images of a job in order, as JSON lines in parts in the object store.

A manifest is written once, before its job is accepted, and never changes. To read an item by its
index, a reader fetches one part. A job of up to `INLINE_ITEMS` items has no manifest: its items are
in `job.json`, so accepting it takes one write instead of two.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from roadmask.errors import ObjectNotFound, RecordUnreadable
from roadmask.schemas.media_types import JSONL
from storage.objects.keys import job_file_key, job_prefix
from storage.objects.store import ObjectStore
from storage.stored_record import parse_fields

log = logging.getLogger(__name__)

PART = 1024
"""Items in each part but the last. It is a power of two, so that every chunk lies in one part."""
INLINE_ITEMS = 8
"""Items of a job that fit into its `job.json`."""
UNKNOWN_IMAGE = "unknown"
"""Image id of an item that cannot be read."""


@dataclass(frozen=True, slots=True)
class ManifestItem:
    """One image of a job, as it was when the job was accepted."""

    image: str
    """Id of the image."""
    custom_id: str | None
    sha256: str
    """SHA-256 of the image's bytes, hex."""
    truth: str | None
    """SHA-256 of the annotated mask's canonical PNG, hex; None without a mask."""


Items = tuple[ManifestItem | None, ...]
"""Items in order; None for an item that cannot be read."""


def part_key(job_id: str, part: int) -> str:
    """Key of one part of a job's manifest."""
    return f"{job_prefix(job_id)}manifest/{part:05d}.jsonl"


def write_manifest(store: ObjectStore, job_id: str, items: Iterable[ManifestItem]) -> int:
    """Write the manifest, one part in memory at once; return its number of items."""
    remaining = iter(items)
    total = part = 0
    while batch := list(islice(remaining, PART)):
        lines = b"".join(_encode(item) for item in batch)
        store.put(part_key(job_id, part), lines, JSONL)
        total += len(batch)
        part += 1
    return total


def read_range(store: ObjectStore, job_id: str, start: int, stop: int) -> list[ManifestItem | None]:
    """Read the items from `start` to `stop` (exclusive); see `read_items`."""
    return read_items(store, job_id, range(start, stop))


def read_items(
    store: ObjectStore, job_id: str, indices: Sequence[int]
) -> list[ManifestItem | None]:
    """Read the items with these indices.

    An item is None if its part is damaged or missing, or if the job has fewer items.
    """
    parts = {part: _read_part(store, job_id, part) for part in {index // PART for index in indices}}
    places = ((parts[index // PART], index % PART) for index in indices)
    return [items[place] if place < len(items) else None for items, place in places]


def each_item(store: ObjectStore, job_id: str, total: int) -> Iterator[tuple[int, ManifestItem]]:
    """Iterate over the readable items with their indices, one part in memory at once."""
    # Of a damaged `total` only the parts that exist are read: it may be very large.
    stop = min(total, max(count_items(store, job_id), INLINE_ITEMS))
    for start in range(0, stop, PART):
        for index, item in enumerate(
            read_range(store, job_id, start, min(start + PART, stop)), start
        ):
            if item is not None:
                yield index, item


def count_items(store: ObjectStore, job_id: str) -> int:
    """Count the items of a manifest by its last part, including unreadable ones."""
    *_, last = ("", *store.keys(f"{job_prefix(job_id)}manifest/"))
    number = last.rpartition("/")[2].removesuffix(".jsonl")
    return int(number) * PART + store.get(last).count(b"\n") if number.isdigit() else 0


def count_damaged(store: ObjectStore, key: str) -> int:
    """Count the unreadable items of a part; at least 1 for a truncated part."""
    data = store.get(key)
    damaged = data.count(b"\n") - sum(item is not None for item in _parse_part(data))
    return max(damaged, int(not data.endswith(b"\n")))


class _Damaged(Exception):
    """Carries the items of a damaged part past the cache, so that a repair takes effect."""

    def __init__(self, items: Items) -> None:
        super().__init__()
        self.items = items


def _read_part(store: ObjectStore, job_id: str, part: int) -> Items:
    try:
        return _read_whole_part(store, job_id, part)
    except _Damaged as damaged:
        return damaged.items


@lru_cache(maxsize=32)
def _read_whole_part(store: ObjectStore, job_id: str, part: int) -> Items:
    if part == 0 and (items := _read_inline_items(store, job_id)):
        if None in items:
            raise _Damaged(items)
        return items
    key = part_key(job_id, part)
    try:
        data = store.get(key)
    except ObjectNotFound:
        log.warning("%s is missing", key)
        raise _Damaged(()) from None
    items = _parse_part(data)
    if None in items or not data.endswith(b"\n"):
        readable = len(items) - items.count(None)
        log.warning("%s is damaged: %d of its lines can be read", key, readable)
        raise _Damaged(items)
    return items


def _read_inline_items(store: ObjectStore, job_id: str) -> Items:
    key = job_file_key(job_id)
    try:
        return inline_items(parse_fields(key, store.get(key)))
    except (ObjectNotFound, RecordUnreadable) as error:
        # Then the caller reads part 0, because the job may have a manifest.
        log.warning("job %s: %s", job_id, error)
        return ()


def inline_items(job_file: dict[str, Any]) -> Items:
    """Return the items in a parsed `job.json`; none when the job has a manifest."""
    items = job_file.get("items")
    return tuple(map(_parse_item, items)) if isinstance(items, list) else ()


def _parse_part(data: bytes) -> Items:
    """Parse the lines of a part, up to a place where a newline may have been lost or added."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    items = tuple(map(_parse_line, lines))
    for number, (line, item) in enumerate(zip(lines, items, strict=True)):
        # A lost or added newline would give all later items a wrong index.
        may_be_split = items[number : number + 2] == (None, None)
        may_be_joined = line.count(b'"image":') > 1
        if item is None and (may_be_split or may_be_joined):
            return items[:number]
    return items


def _parse_line(line: bytes) -> ManifestItem | None:
    try:
        return _parse_item(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _parse_item(fields: Any) -> ManifestItem | None:
    if not isinstance(fields, dict):
        return None
    image, custom_id = fields.get("image"), fields.get("custom_id")
    sha256, truth = fields.get("sha256"), fields.get("truth")
    if not (isinstance(image, str) and isinstance(sha256, str)):
        return None
    if not (isinstance(custom_id, str | None) and isinstance(truth, str | None)):
        return None
    return ManifestItem(image, custom_id, sha256, truth)


def _encode(item: ManifestItem) -> bytes:
    record = {
        "image": item.image,
        "custom_id": item.custom_id,
        "sha256": item.sha256,
        "truth": item.truth,
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
