"""Waits for jobs and streams their events, without a thread for each client."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from roadmask.errors import InvalidRequest, RoadmaskError
from roadmask.schemas.events import Event
from roadmask.schemas.ids import EVENT_ID
from roadmask.schemas.jobs import Job
from storage.connections import records_guard
from storage.jobs.events import job_event
from storage.jobs.job_file import no_record_error
from storage.jobs.keys import EPOCH, UNREADABLE
from storage.jobs.status import Status
from storage.jobs.watching.event_reader import BATCH, EventReader
from storage.jobs.watching.status_reader import StatusReader
from storage.jobs.watching.throttle import Throttle
from storage.objects.keys import JOB_FOLDERS, job_file_key
from storage.objects.store import ObjectStore
from storage.redis_text import texts

PING_S = 10.0
"""Silence after which a stream sends a ping, seconds."""


class JobWatcher:
    """Async reads of jobs. Every method raises `RecordsUnavailable` without Redis."""

    def __init__(
        self, redis: Redis, store: ObjectStore, statuses: StatusReader, events: EventReader
    ) -> None:
        self._redis = redis
        self._store = store
        self._statuses = statuses
        self._events = events

    async def close(self) -> None:
        """Close the connections."""
        self._events.close()
        await self._redis.aclose()

    async def read(self, job_id: str) -> Job:
        """Read the current state of a job in one round trip. Raises `JobNotFound`."""
        return (await self._status(job_id)).job

    async def wait(self, job_id: str, seconds: float) -> Job:
        """Return the job when it has ended, or its state after `seconds`. Raises `JobNotFound`."""
        until = time.monotonic() + seconds
        throttle = Throttle()
        status = await self._status(job_id)
        last_id, remaining = status.last_event, status.remaining
        while not status.has_ended and (more := until - time.monotonic()) > 0:
            with records_guard():
                events = await self._events.wait(job_id, last_id, min(more, PING_S))
            if not _only_items(events):
                status = await self._status(job_id)
                last_id, remaining = status.last_event, status.remaining
                continue
            last_id, remaining = events[-1].id, remaining - len(events)
            # No pause before the last item, so that the end of the job is reported at once.
            if remaining > 1:
                pause = throttle.pause(len(events), remaining)
                await asyncio.sleep(min(pause, max(until - time.monotonic(), 0)))
        return status.job if status.has_ended else await self.read(job_id)

    async def ends(self, job_id: str, seconds: float) -> bool:
        """Whether a job of a few items ends within `seconds`. Raises `JobNotFound`.

        Redis still has all events of so small a job, so they tell its end. Its status is read only
        after `PING_S` without events.
        """
        until = time.monotonic() + seconds
        last_id = "0-0"
        while (more := until - time.monotonic()) > 0:
            with records_guard():
                events = await self._events.wait(job_id, last_id, min(more, PING_S))
            if events:
                last_id = events[-1].id
            if events[-1].is_last if events else (await self._status(job_id)).has_ended:
                return True
        return False

    async def events(self, job_id: str, last_id: str | None = None) -> AsyncIterator[list[Event]]:
        """Stream the events of a job until it ends, with a `ping` after 10 seconds of silence.

        Each list has the events since the last read. Without `last_id` the first event is `job`,
        with the current state and counts, and only new events follow. With `last_id` the stream
        first repeats the later events that Redis still has (about the last 4096); `0` requests all
        of them. The last event is always `job` with a final state.

        Raises `JobNotFound`, and `InvalidRequest` for an invalid event id.
        """
        if last_id is not None and not re.fullmatch(EVENT_ID, last_id):
            raise InvalidRequest(f"{last_id[:40]!r} is not the id of an event.")
        status = await self._status(job_id)
        if last_id is None:
            last_id = status.last_event
            if not status.has_ended:
                yield [job_event(last_id, status.job)]
        end, remaining = _end(status), status.remaining
        throttle = Throttle()
        del status  # Thousands of clients may wait below, and a job takes 2 KB.
        while True:
            with records_guard():
                if end:
                    events = await self._events.read(job_id, last_id, end.last_event)
                else:
                    events = await self._events.wait(job_id, last_id, PING_S)
            if events:
                last_id = events[-1].id
            # A retry may have undone an earlier end, so only the current end is sent, and last.
            fresh = [event for event in events if not event.is_last]
            if end and len(events) < BATCH:
                yield [*fresh, job_event(end.last_event, end.job)]
                return
            if fresh:
                yield fresh
            if not _only_items(events):
                if not events:
                    yield [Event(last_id, "ping", {})]
                status = await self._status(job_id)
                end, remaining = _end(status), status.remaining
                del status
                continue
            remaining -= len(events)
            if remaining > 1:
                await asyncio.sleep(throttle.pause(len(events), remaining))

    async def _status(self, job_id: str) -> Status:
        with records_guard():
            status = await self._statuses.read(job_id)
            if status is None:
                raise await self._no_record(job_id)
        return status

    async def _no_record(self, job_id: str) -> RoadmaskError:
        complete = bool(await self._redis.hexists(EPOCH, "server"))
        found: Any = await self._redis.hmget(UNREADABLE, [job_file_key(job_id), JOB_FOLDERS])
        cause = next(iter(texts(filter(None, found))), None)
        return await asyncio.to_thread(no_record_error, self._store, job_id, complete, cause)


def _end(status: Status) -> Status | None:
    """The status of an ended job; None while it is open."""
    return status if status.has_ended else None


def _only_items(events: list[Event]) -> bool:
    """Whether there are events, and all are of items. After any other the status is read anew."""
    return bool(events) and all(event.type == "item" for event in events)
