"""Removes information about erased images from the results of jobs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any

from redis import Redis

from roadmask.errors import ObjectNotFound, RecordUnreadable
from roadmask.schemas.media_types import JSONL
from storage.connections import records_guard
from storage.jobs.job_file import read_job_file
from storage.jobs.manifest import each_item
from storage.jobs.results import Line, parse_sealed, results_prefix, unsealed_results
from storage.objects.keys import confidence_key, facts_key
from storage.objects.listing import delete_found
from storage.objects.store import ObjectStore

_REPLACE = """
-- Replace a result, unless it was sealed or changed meanwhile. KEYS: the results of a chunk.
-- ARGV: index of the item, its expected result, its new result.
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
"""


class Redactor:
    """Redacts the results of jobs. Raises `RecordsUnavailable` and `StoreUnavailable`.

    `uploaded` filters sha256s: it returns those of uploaded images.
    """

    def __init__(
        self, redis: Redis, store: ObjectStore, uploaded: Callable[[Collection[str]], set[str]]
    ) -> None:
        self._redis: Any = redis
        self._store = store
        self._uploaded = uploaded
        self._replace = redis.register_script(_REPLACE)

    def redact(self, job_id: str, wanted: set[str], gone: set[str]) -> Counter[str]:
        """Erase the results of the `wanted` images in a job, and the masks of those in `gone`.

        Returns by sha256 how many objects were deleted or rewritten.
        """
        hashes = dict(self._items_of(job_id, wanted)) if wanted else {}
        if not hashes:
            return Counter()
        gone = gone - self._uploaded(gone & set(hashes.values()))
        # Unsealed results come first: those that are sealed meanwhile are then found in the store.
        objects = self._redact_unsealed(job_id, hashes, gone)
        for key in list(self._store.keys(results_prefix(job_id))):
            lines, _ = parse_sealed(self._store, key)
            found = [line for line in lines if line["index"] in hashes]
            for line in found:
                sha256 = hashes[line["index"]]
                if sha256 in gone:
                    objects[sha256] += self._delete_mask(line)
            if redacted := [hashes[line["index"]] for line in found if _redacted(line)]:
                self._store.put(key, b"\n".join(map(_encode, lines)), JSONL)
                objects[redacted[0]] += 1
        return objects

    def _items_of(self, job_id: str, wanted: set[str]) -> Iterator[tuple[int, str]]:
        """The items of these images in a job: index and sha256."""
        # The items of a job with an unreadable file cannot be found.
        with suppress(ObjectNotFound, RecordUnreadable):
            total = read_job_file(self._store, job_id).total
            for index, item in each_item(self._store, job_id, total):
                if item.sha256 in wanted:
                    yield index, item.sha256

    def _redact_unsealed(self, job_id: str, hashes: dict[int, str], gone: set[str]) -> Counter[str]:
        objects: Counter[str] = Counter()
        with records_guard():
            for key in unsealed_results(self._redis, job_id):
                for index, sha256 in hashes.items():
                    found = self._redis.hget(key, str(index))
                    if not found:
                        continue
                    line: Line = json.loads(found)
                    if sha256 in gone:
                        objects[sha256] += self._delete_mask(line)
                    if _redacted(line):
                        self._replace(keys=[key], args=[index, found, _encode(line)])
        return objects

    def _delete_mask(self, line: Line) -> int:
        key = (line.get("result") or {}).get("mask_key")
        return delete_found(self._store, facts_key(key), confidence_key(key), key) if key else 0


def _encode(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode()


def _redacted(line: Line) -> bool:
    """Remove shares, confidence and confusion from a result. Returns whether it had any."""
    result = line.get("result")
    if not result or not (result.get("shares") or "confusion" in line):
        return False
    result["shares"] = {}
    result.pop("confidence", None)
    line.pop("confusion", None)
    return True
