"""Watching jobs: the reads that many clients do at once, without a thread for each."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from roadmask.errors import InvalidRequest
from roadmask.event import Event
from roadmask.jobs import Job
from roadmask.settings import Settings
from storage.connections import open_store, records_guard
from storage.events import job_event
from storage.job_files import missing
from storage.job_keys import EPOCH
from storage.job_status import Status
from storage.news import BATCH, LONGEST_S, News
from storage.rhythm import Rhythm
from storage.statuses import Statuses

EVENT_ID = re.compile(r"\d{1,19}(-\d{1,19})?")
PING_S = 10.0
"""A stream tells that it lives after so much silence, seconds."""
WATCHERS = 8192
"""Most connections to Redis: each job that is waited for holds one. Redis takes 10,000."""


class Watch:
    """Async reads of jobs. Every method raises `RecordsUnavailable` without Redis."""

    def __init__(self, settings: Settings) -> None:
        self._redis = Redis.from_url(
            settings.redis_url,
            socket_connect_timeout=3,
            socket_timeout=LONGEST_S + 5,
            socket_keepalive=True,
            health_check_interval=25,
            client_name="roadmask-watch",
            max_connections=WATCHERS,
        )
        self._store = open_store(settings)
        self._statuses = Statuses(self._redis)
        self._news = News(self._redis)

    async def close(self) -> None:
        """Close the connections."""
        self._news.close()
        await self._redis.aclose()

    async def read(self, job_id: str) -> Job:
        """The job as it is now, in one round trip. Raises `JobNotFound`."""
        return (await self._status(job_id)).job

    async def wait(self, job_id: str, seconds: float) -> Job:
        """The job once it has ended, or as it is when the time is over. Raises `JobNotFound`."""
        until = time.monotonic() + seconds
        rhythm = Rhythm()
        status = await self._status(job_id)
        last_id, left = status.last_event, status.left
        while not status.has_ended and (more := until - time.monotonic()) > 0:
            with records_guard():
                events = await self._news.wait(job_id, last_id, min(more, PING_S))
            if not _are_items(events):
                status = await self._status(job_id)
                last_id, left = status.last_event, status.left
                continue
            last_id, left = events[-1].id, left - len(events)
            # A job with more to come is looked at now and then; who waits for its last item is told
            # at once, whatever is said of it before.
            if left > 1:
                pause = rhythm.pause(len(events), left)
                await asyncio.sleep(min(pause, max(until - time.monotonic(), 0)))
        return status.job if status.has_ended else await self.read(job_id)

    async def events(self, job_id: str, last_id: str | None = None) -> AsyncIterator[Event]:
        """What happens to the job, until it ends; a `ping` after 10 seconds of silence.

        Without `last_id` the first event is `job`, its state and counts now, and what follows is
        new. With it, all that came after that event is told again as far as it is kept (about the
        last 4096); `0` asks for everything. The last event is always `job` with a final state.
        Raises `JobNotFound`, and `InvalidRequest` for an id that is none.
        """
        if last_id is not None and not EVENT_ID.fullmatch(last_id):
            raise InvalidRequest(f"{last_id[:40]!r} is not the id of an event.")
        status = await self._status(job_id)
        if last_id is None:
            last_id = status.last_event
            if not status.has_ended:
                yield job_event(last_id, status.job)
        end, left = _end(status), status.left
        rhythm = Rhythm()
        del status  # Thousands of clients may wait below, and a job is 2 KB.
        while True:
            with records_guard():
                if end:
                    events = await self._news.up_to(job_id, last_id, end.last_event)
                else:
                    events = await self._news.wait(job_id, last_id, PING_S)
            for event in events:
                last_id = event.id
                # An end in the past may have been undone by a retry; the last one is told below.
                if not event.is_last:
                    yield event
            if end and len(events) < BATCH:
                yield job_event(end.last_event, end.job)
                return
            if not _are_items(events):
                if not events:
                    yield Event(last_id, "ping", {})
                status = await self._status(job_id)
                end, left = _end(status), status.left
                del status
                continue
            left -= len(events)
            if left > 1:
                await asyncio.sleep(rhythm.pause(len(events), left))

    async def _status(self, job_id: str) -> Status:
        with records_guard():
            status = await self._statuses.read(job_id)
            if status is None:
                sure = bool(await self._redis.hexists(EPOCH, "server"))
                raise await asyncio.to_thread(missing, self._store, job_id, sure)
        return status


def _end(status: Status) -> Status | None:
    """Of a job that is over; None while it is not."""
    return status if status.has_ended else None


def _are_items(events: list[Event]) -> bool:
    """Whether no more than items ended: the record is read for everything else, and for silence."""
    return bool(events) and all(event.type == "item" for event in events)
