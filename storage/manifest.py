"""Manifests: which images a job has, in order, as JSON lines in parts in the object store.

A manifest is written once, before its job is accepted, and never changes. Whoever has the job's id
and an item's index finds the item by reading one part. Up to `FEW` items have no part: they are in
`job.json`, so that accepting them waits for one object and not for two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from roadmask.errors import ObjectNotFound
from storage.objects import ObjectStore, job_file_key, job_prefix

PART = 1024
"""Items in each part but the last. A power of two, so that every chunk lies within one part."""
FEW = 8
"""Items that are written into the job's request instead."""


@dataclass(frozen=True, slots=True)
class ManifestItem:
    """One image of a job, as it was when the job was accepted."""

    image: str
    """The image's id."""
    custom_id: str | None
    sha256: str
    """Of the image's bytes, hex."""
    truth: str | None
    """Of the annotated mask's canonical PNG, hex, when there is one."""


def part_key(job_id: str, part: int) -> str:
    """Where one part of a job's manifest is."""
    return f"{job_prefix(job_id)}manifest/{part:05d}.jsonl"


def write_manifest(store: ObjectStore, job_id: str, items: Iterable[ManifestItem]) -> int:
    """Write the manifest and return its number of items; no more than one part is in memory."""
    remaining = iter(items)
    total = part = 0
    while batch := list(islice(remaining, PART)):
        lines = b"".join(_encode(item) for item in batch)
        store.put(part_key(job_id, part), lines, "application/jsonl")
        total += len(batch)
        part += 1
    return total


def read_range(store: ObjectStore, job_id: str, start: int, stop: int) -> list[ManifestItem]:
    """The items `start` to `stop` (exclusive), fewer where the last part ends before.

    Raises `ObjectNotFound` when the range reaches into a part that does not exist.
    """
    items: list[ManifestItem] = []
    for part in range(start // PART, -(-stop // PART)):
        first = part * PART
        items += _read_part(store, job_id, part)[max(start - first, 0) : stop - first]
    return items


@lru_cache(maxsize=32)
def _read_part(store: ObjectStore, job_id: str, part: int) -> tuple[ManifestItem, ...]:
    if part == 0 and (few := _few(store, job_id)):
        return few
    lines = store.get(part_key(job_id, part)).splitlines()
    return tuple(ManifestItem(**json.loads(line)) for line in lines)


def _few(store: ObjectStore, job_id: str) -> tuple[ManifestItem, ...]:
    try:
        request = json.loads(store.get(job_file_key(job_id)))
    except ObjectNotFound:
        return ()
    return few_items(request)


def few_items(request: dict[str, Any]) -> tuple[ManifestItem, ...]:
    """The items that a job's request holds itself, none when they have parts."""
    return tuple(ManifestItem(**item) for item in request.get("items", ()))


def _encode(item: ManifestItem) -> bytes:
    record = {
        "image": item.image,
        "custom_id": item.custom_id,
        "sha256": item.sha256,
        "truth": item.truth,
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
