"""What is in service: the version that jobs get which name no other, with its history.

Each promotion and each rollback is an entry of its own in the object store, under the time it was
made, and the last one holds. So two that are made at once cannot overwrite each other on any store,
and an emptied Redis loses nothing. Redis only has a number that changes with each entry, so that
readers see one within a second without asking the store every time.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from redis import Redis

from roadmask.errors import Conflict, RecordsUnavailable
from storage.connections import records_guard
from storage.objects import SERVICE, ObjectStore
from storage.replies import text

HINT = "rm:service"
COMING = "rm:service:coming"
COMING_S = 600
"""How long workers try to have a version ready that is not promoted after all, seconds."""
REREAD_S = 10.0
"""How long an entry may go unnoticed when its number did not get into Redis, seconds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A turn of the history."""

    id: str
    """Sorts by the millisecond it was made in; empty before the first entry."""
    action: str
    """`promote` or `rollback`."""
    model: str | None
    """`name@version` from here on; None: each worker serves what it was started with."""
    before: str | None
    """The entry that a rollback leads back to; None when there is none."""

    @property
    def made_at(self) -> datetime:
        """When it was made, by the clock of who made it."""
        return datetime.fromtimestamp(self._ms / 1000, UTC)

    @property
    def _ms(self) -> int:
        return int(self.id.partition("-")[0] or 0)

    def next_id(self) -> str:
        """An id that sorts after this one's, whatever the clocks say."""
        return f"{max(time.time_ns() // 1_000_000, self._ms + 1):013d}-{uuid4().hex[:8]}"


ORIGIN = Entry(id="", action="", model=None, before=None)


class InService:
    """The version in service. Every method raises `StoreUnavailable`."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis = redis
        self._store = store
        self._cached: tuple[bytes | str | None, float, Entry] | None = None

    @records_guard()
    def now(self) -> Entry:
        """The entry that holds, as far as Redis has told. Raises `RecordsUnavailable`."""
        hint = self._redis.get(HINT)
        cached = self._cached
        if cached is None or cached[0] != hint or time.monotonic() - cached[1] > REREAD_S:
            # What is read now is at least as new as the number that was seen before it.
            cached = self._cached = (hint, time.monotonic(), self.last())
        return cached[2]

    def last(self) -> Entry:
        """The entry that holds, read from the store."""
        ids = self._ids()
        return self._read(ids[-1]) if ids else ORIGIN

    def history(self, limit: int = 20) -> list[Entry]:
        """The last entries, newest first."""
        return [self._read(entry_id) for entry_id in reversed(self._ids()[-limit:])]

    @records_guard()
    def prepare(self, model: str) -> str:
        """Have all workers load a version before it is put into service.

        Gives what each of them then tells on the roll as `ready`, or in `refused` when it cannot
        load it. Raises `RecordsUnavailable`.
        """
        wish = f"{model} {uuid4().hex[:8]}"
        self._redis.set(COMING, wish, ex=COMING_S)
        return wish

    @records_guard()
    def coming(self) -> str | None:
        """What `prepare` gave last: the version, a space, and a mark of its own."""
        wish = self._redis.get(COMING)
        return None if wish is None else text(wish)

    def promote(self, model: str) -> Entry:
        """Put a version into service; nothing happens when it is."""
        last = self.last()
        if last.model == model:
            return last
        return self._write(Entry(last.next_id(), "promote", model, last.id))

    def rollback(self) -> Entry:
        """Go back to what was in service before, in the end to what workers bring themselves.

        Raises `Conflict` when nothing was before.
        """
        last = self.last()
        if last.before is None:
            raise Conflict(
                "There is nothing to go back to: no version was promoted before. Each worker "
                "serves the model that it was started with (ROADMASK_MODEL)."
            )
        back = self._read(last.before) if last.before else ORIGIN
        return self._write(Entry(last.next_id(), "rollback", back.model, back.before))

    def _ids(self) -> list[str]:
        keys = self._store.keys(SERVICE)
        return [key.removeprefix(SERVICE).removesuffix(".json") for key in keys]

    def _read(self, entry_id: str) -> Entry:
        return Entry(id=entry_id, **json.loads(self._store.get(f"{SERVICE}{entry_id}.json")))

    def _write(self, entry: Entry) -> Entry:
        fields = {"action": entry.action, "model": entry.model, "before": entry.before}
        self._store.put(
            f"{SERVICE}{entry.id}.json", json.dumps(fields).encode(), "application/json"
        )
        # Without it the entry is seen a little later.
        with suppress(RecordsUnavailable), records_guard():
            self._redis.delete(COMING)
            self._redis.incr(HINT)
        return entry
