"""News of jobs: the events that come next, read once for all who wait for them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from redis.asyncio import Redis

from roadmask.event import Event
from storage.events import decode_event
from storage.job_keys import events_key

BATCH = 256
"""Events read at once."""
LONGEST_S = 10.0
"""How long Redis is asked to hold one read, seconds; who waits longer asks again."""

Wanted = tuple[str, str, str]
"""A job, the event after which news begin, and the end they lead up to or ''."""


class News:
    """Reads of event streams. Who waits at the same place of a job shares one connection.

    Redis takes ten thousand connections in all, and more clients than that may follow one job.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reads: dict[Wanted, asyncio.Task[list[Event]]] = {}

    def close(self) -> None:
        """Stop what still waits."""
        for read in self._reads.values():
            read.cancel()

    async def wait(self, job_id: str, last_id: str, seconds: float) -> list[Event]:
        """Events after `last_id`, at most `BATCH`; none when so long nothing happened."""
        until = time.monotonic() + seconds
        events: list[Event] = []
        while not events and (left := until - time.monotonic()) > 0:
            read = self._shared((job_id, last_id, ""), LONGEST_S)
            done, _ = await asyncio.wait([read], timeout=left)
            events = read.result() if done else []
        return events

    async def up_to(self, job_id: str, last_id: str, end: str) -> list[Event]:
        """Events after `last_id`, at most `BATCH`, of a job that was seen to end with `end`.

        They are shared by those who saw the same end, so whoever takes part misses none before it.
        """
        return await asyncio.shield(self._shared((job_id, last_id, end), None))

    def _shared(self, wanted: Wanted, seconds: float | None) -> asyncio.Task[list[Event]]:
        read = self._reads.get(wanted)
        if read is None:
            read = self._reads[wanted] = asyncio.create_task(self._read(*wanted[:2], seconds))
            read.add_done_callback(lambda done: self._forget(wanted, done))
        return read

    def _forget(self, wanted: Wanted, read: asyncio.Task[list[Event]]) -> None:
        del self._reads[wanted]
        if not read.cancelled():
            read.exception()  # Looked at here, in case all who waited have left.

    async def _read(self, job_id: str, last_id: str, seconds: float | None) -> list[Event]:
        block = None if seconds is None else int(seconds * 1000)
        reply: Any = await self._redis.xread({events_key(job_id): last_id}, BATCH, block)
        return [decode_event(*entry) for _, entries in reply for entry in entries]
