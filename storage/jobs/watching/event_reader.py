"""Shared reads of event streams."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from redis.asyncio import Redis

from roadmask.schemas.events import Event
from storage.connections import BLOCK_S
from storage.jobs.events import decode_event
from storage.jobs.keys import events_key

BATCH = 256
"""Events in one read at most."""

Position = tuple[str, str, str]
"""Job id, id of the last event that was read, and id of the job's final event or ''."""


class EventReader:
    """Reads events. Clients at the same position of a job share one read and its connection.

    Redis accepts ten thousand connections, and more clients than that may follow one job.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reads: dict[Position, asyncio.Task[list[Event]]] = {}

    def close(self) -> None:
        """Cancel the pending reads."""
        for read in self._reads.values():
            read.cancel()

    async def wait(self, job_id: str, last_id: str, seconds: float) -> list[Event]:
        """Return up to `BATCH` events after `last_id`, none if `seconds` pass without any.

        A wait of more than `BLOCK_S` takes several reads.
        """
        until = time.monotonic() + seconds
        events: list[Event] = []
        while not events and (remaining := until - time.monotonic()) > 0:
            read = self._shared((job_id, last_id, ""), BLOCK_S)
            done, _ = await asyncio.wait([read], timeout=remaining)
            events = read.result() if done else []
        return events

    async def read(self, job_id: str, last_id: str, end_id: str) -> list[Event]:
        """Return up to `BATCH` events after `last_id` without waiting, of an ended job.

        Clients share the read only if they saw the job end with the same event, `end_id`. So the
        read misses no event before the end.
        """
        return await asyncio.shield(self._shared((job_id, last_id, end_id), None))

    def _shared(self, position: Position, seconds: float | None) -> asyncio.Task[list[Event]]:
        read = self._reads.get(position)
        if read is None:
            read = self._reads[position] = asyncio.create_task(self._read(*position[:2], seconds))
            read.add_done_callback(lambda done: self._forget(position, done))
        return read

    def _forget(self, position: Position, read: asyncio.Task[list[Event]]) -> None:
        del self._reads[position]
        if not read.cancelled():
            read.exception()  # Retrieved, or asyncio logs it if all clients have left.

    async def _read(self, job_id: str, last_id: str, seconds: float | None) -> list[Event]:
        block = None if seconds is None else int(seconds * 1000)
        reply: Any = await self._redis.xread({events_key(job_id): last_id}, BATCH, block)
        return [decode_event(*entry) for _, entries in reply for entry in entries]
