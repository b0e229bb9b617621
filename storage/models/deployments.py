"""Deployments: the model version that serves by default, and its history.

Each promotion and each rollback is an object of its own, and its key begins with its time. The last
entry counts. So concurrent entries cannot overwrite each other on any store, and an emptied Redis
loses none. Redis has a number that changes with each entry, so that readers notice a new entry
within a second without reading the store each time.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from uuid import uuid4

from pydantic import TypeAdapter
from redis import Redis

from roadmask.errors import Conflict, ObjectNotFound, RecordsUnavailable, RecordUnreadable
from roadmask.schemas import models as schemas
from roadmask.schemas.media_types import JSON
from storage.connections import records_guard
from storage.objects.keys import DEPLOYMENTS
from storage.objects.store import ObjectStore
from storage.redis_text import text
from storage.stored_record import FORMAT, check_fields, parse_fields

REVISION = "rm:service"
"""Number that changes with each entry."""
PRELOAD = "rm:service:coming"
"""Request that workers load a version before it is promoted; expires."""
PRELOAD_S = 600
"""Time to live of a preload request, seconds."""
_ID = re.compile(r"\d{13}-[0-9a-f]{8}")

log = logging.getLogger(__name__)

REREAD_S = 10.0
"""Age at which the cached entry is read again, seconds, because a number may not reach Redis."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """An entry of the history."""

    id: str
    """Begins with the millisecond of its creation, so ids sort by time. Empty before any entry."""
    action: str
    """`promote` or `rollback`."""
    model: str | None
    """The `name@version` that serves; None if each worker serves the model it was started with."""
    before: str | None
    """Id of the entry to which a rollback leads; None if there is none."""

    @property
    def made_at(self) -> datetime:
        """Time of its creation, by the clock of the process that made it."""
        milliseconds = int(self.id.partition("-")[0] or 0)
        return datetime.fromtimestamp(milliseconds / 1000, UTC)

    def to_schema(self) -> schemas.Deployment:
        """The entry as the API returns it."""
        return schemas.Deployment(made_at=self.made_at, action=self.action, model=self.model)


_DEPLOYMENT = TypeAdapter(Deployment)

NONE_YET = Deployment(id="", action="", model=None, before=None)


class Deployments:
    """The version in service. Every method raises `StoreUnavailable`."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis = redis
        self._store = store
        self._cached: tuple[bytes | str | None, float, Deployment] | None = None
        self._skipped: set[str] = set()
        """Entries that cannot be read and were logged."""

    @records_guard()
    def current(self) -> Deployment:
        """Return the last entry, cached while Redis shows no new one.

        Raises `RecordsUnavailable`.
        """
        revision = self._redis.get(REVISION)
        cached = self._cached
        if cached is None or cached[0] != revision or time.monotonic() - cached[1] > REREAD_S:
            # The store is read after the number, so the entry is at least as new as the number.
            cached = self._cached = (revision, time.monotonic(), self.latest())
        return cached[2]

    def latest(self) -> Deployment:
        """Read the last entry from the store; an entry that cannot be read is skipped."""
        return next(self._newest_first(), NONE_YET)

    def history(self, limit: int = 20) -> list[Deployment]:
        """Read the last entries, newest first, without those that cannot be read."""
        return list(islice(self._newest_first(), limit))

    def every_entry(self) -> list[Deployment]:
        """Read the whole history. Raises `RecordUnreadable` if an entry cannot be read."""
        return [self.read_entry(_key(entry_id)) for entry_id in self._ids()]

    @records_guard()
    def request_preload(self, model: str) -> str:
        """Request that all workers load a version before it is promoted.

        Returns the request. Each worker then reports it as `ready`, or in `refused` if it cannot
        load the version. Raises `RecordsUnavailable`.
        """
        request = f"{model} {uuid4().hex[:8]}"
        self._redis.set(PRELOAD, request, ex=PRELOAD_S)
        return request

    @records_guard()
    def preload_request(self) -> str | None:
        """Return the last preload request: the version, a space, and a random suffix."""
        request = text(self._redis.get(PRELOAD) or b"", errors="replace")
        return request if request.strip() else None  # a blank text names no version

    def promote(self, model: str) -> Deployment:
        """Put a version into service. No entry is made if it is in service already."""
        last = self.latest()
        if last.model == model and last.id == self._last_id():
            return last
        return self._write(Deployment(self._next_id(), "promote", model, last.id))

    def rollback(self) -> Deployment:
        """Put the previous version back into service; before the first one, each worker's own.

        Raises `Conflict` when there is no previous version.
        """
        last = self.latest()
        if last.before is None:
            raise Conflict(
                "There is nothing to go back to: no version was promoted before. Each worker "
                "serves the model that it was started with (ROADMASK_MODEL)."
            )
        previous = NONE_YET
        if last.before:
            try:
                previous = self.read_entry(_key(last.before))
            except (ObjectNotFound, RecordUnreadable) as error:
                raise Conflict(
                    f"The version before {last.model} is not known: {error.detail} Promote a "
                    "version by its name."
                ) from None
        return self._write(Deployment(self._next_id(), "rollback", previous.model, previous.before))

    def _newest_first(self) -> Iterator[Deployment]:
        for entry_id in reversed(self._ids()):
            try:
                yield self.read_entry(_key(entry_id))
            except (ObjectNotFound, RecordUnreadable) as error:
                if entry_id not in self._skipped:
                    log.warning("A deployment is skipped, the one before it counts: %s", error)
                    self._skipped.add(entry_id)

    def _ids(self) -> list[str]:
        keys = self._store.keys(DEPLOYMENTS)
        ids = (key.removeprefix(DEPLOYMENTS).removesuffix(".json") for key in keys)
        return [entry_id for entry_id in ids if _ID.fullmatch(entry_id)]

    def _last_id(self) -> str:
        return next(reversed(self._ids()), "")

    def _next_id(self) -> str:
        """Return a new id that sorts after all others, whatever the clocks say."""
        last_ms = int(self._last_id().partition("-")[0] or 0)
        return f"{max(time.time_ns() // 1_000_000, last_ms + 1):013d}-{uuid4().hex[:8]}"

    def read_entry(self, key: str) -> Deployment:
        """Read the entry with this key. Raises `ObjectNotFound` and `RecordUnreadable`."""
        entry_id = key.removeprefix(DEPLOYMENTS).removesuffix(".json")
        fields = parse_fields(key, self._store.get(key))
        return check_fields(key, {**fields, "id": entry_id}, _DEPLOYMENT)

    def _write(self, entry: Deployment) -> Deployment:
        fields = {
            "action": entry.action,
            "model": entry.model,
            "before": entry.before,
            "record_format": FORMAT,
        }
        self._store.put(_key(entry.id), json.dumps(fields).encode(), JSON)
        # If Redis is unavailable, readers notice the entry after REREAD_S.
        with suppress(RecordsUnavailable), records_guard():
            self._redis.delete(PRELOAD)
            # A plain counter would repeat an earlier number after Redis was emptied.
            self._redis.incrby(REVISION, secrets.randbelow(2**31) + 1)
        return entry


def _key(entry_id: str) -> str:
    return f"{DEPLOYMENTS}{entry_id}.json"
