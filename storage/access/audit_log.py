"""The audit log: who created, exported, deleted or promoted what.

Entries first go to a Redis stream. The reconciler moves them to the object store.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from redis import Redis

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.media_types import JSONL
from storage.connections import records_guard
from storage.objects.keys import AUDIT
from storage.objects.store import ObjectStore
from storage.redis_text import mapping, text

STREAM = "rm:audit"
MAX_ENTRIES = 100_000
"""Most entries in the stream, in case no worker runs and moves them."""
PART = 1000
"""Entries in one object."""
AGE_MS = 60_000
"""Age at which an entry is moved to the object store, ms."""

Entry = dict[str, str]

log = logging.getLogger(__name__)


class AuditLog:
    """Adds, moves and lists entries."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis: Any = redis
        self._store = store

    @records_guard()
    def add(self, entry: Mapping[str, str]) -> None:
        """Add an entry."""
        self._redis.xadd(STREAM, dict(entry), maxlen=MAX_ENTRIES, approximate=True)

    def add_by_operator(self, action: str, subject: str) -> None:
        """Add an action of the user of this machine on the store. Does nothing without Redis."""
        entry = {"key": f"operator {_user()}", "action": action, "path": subject}
        with suppress(RecordsUnavailable):
            self.add(entry)

    @records_guard()
    def archive(self, age_ms: int = AGE_MS) -> int:
        """Move old entries to the object store; return their number. Safe to repeat."""
        seconds, _ = self._redis.time()
        moved = 0
        while entries := self._redis.xrange(STREAM, "-", (seconds * 1000) - age_ms, count=PART):
            lines = [json.dumps(_entry(*entry)) for entry in entries]
            first, last = text(entries[0][0]), text(entries[-1][0])
            day = datetime.fromtimestamp(int(first.partition("-")[0]) / 1000, UTC)
            # A key with both ids, because a leader that was paused may write a shorter part later.
            key = f"{AUDIT}{day:%Y-%m-%d}/{first}-{last}.jsonl"
            self._store.put(key, "\n".join(lines).encode(), JSONL)
            self._redis.xtrim(STREAM, minid=_after(last), approximate=False)
            moved += len(entries)
        return moved

    def list(self) -> Iterator[Entry]:
        """All readable entries, the oldest first."""
        for _, parts in groupby(self._store.keys(AUDIT), _first):
            # Of parts with the same first entry, the longest has all entries of the others.
            key = max(parts, key=_last)
            yield from _stored_entries(key, self._store.get(key))
        with records_guard():
            entries = self._redis.xrange(STREAM)
        yield from (_entry(*entry) for entry in entries)


def _first(key: str) -> list[str]:
    """The id of the first entry in a part. Keys of earlier versions have only this id."""
    return _ids(key)[:2]


def _ids(key: str) -> list[str]:
    return key.rpartition("/")[2].removesuffix(".jsonl").split("-")


def _last(key: str) -> list[int]:
    """The id of the last entry in a part, as numbers."""
    return [int(part) for part in _ids(key)[2:]]


def _stored_entries(key: str, part: bytes) -> Iterator[Entry]:
    for number, line in enumerate(part.splitlines(), 1):
        try:
            yield {name: str(value) for name, value in json.loads(line).items()}
        except (ValueError, AttributeError, RecursionError):
            log.error("%s: line %d is unreadable and skipped", key, number)


def _user() -> str:
    """The name of the user of this process, or else the user id."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
    moment = datetime.fromtimestamp(int(text(entry_id).partition("-")[0]) / 1000, UTC)
    return {"at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", **mapping(fields, errors="replace")}


def _after(entry_id: str) -> str:
    ms, _, number = entry_id.partition("-")
    return f"{ms}-{int(number) + 1}"
