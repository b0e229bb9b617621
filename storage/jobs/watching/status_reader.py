"""Batched reads of job statuses."""

from __future__ import annotations

import asyncio
from itertools import islice

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from storage.connections import is_outage
from storage.jobs.keys import job_key
from storage.jobs.lua.source import source
from storage.jobs.lua.status_reply import StatusReply
from storage.jobs.status import Status, parse_status

BATCH = 32
"""Most jobs in one call, because Redis serves nobody else during the call."""


class StatusReader:
    """Reads statuses in batches: reads that begin during a call go into the next one.

    Reads are batched because a round trip costs more than reading another job. A read never joins
    a call that is already in flight, so callers see their own earlier writes.
    """

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(source("read_status"))
        self._waiting: dict[str, asyncio.Future[Status | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def read(self, job_id: str) -> Status | None:
        """Read the current status of a job; None when Redis has no such job.

        Raises `JobNotFound` for an invalid id, and the errors of redis-py.
        """
        key = job_key(job_id)
        if (status := self._waiting.get(key)) is None:
            status = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_waiting())
        # Several callers share the future, and one of them may be canceled.
        return await asyncio.shield(status)

    async def _read_waiting(self) -> None:
        while keys := list(islice(self._waiting, BATCH)):
            await self._answer({key: self._waiting.pop(key) for key in keys})
        self._reading = None

    async def _answer(self, statuses: dict[str, asyncio.Future[Status | None]]) -> None:
        try:
            replies = await self._script(keys=list(statuses))
        except Exception as error:
            if len(statuses) > 1 and isinstance(error, ResponseError) and not is_outage(error):
                # The record of one job is damaged, and the others are not.
                for key, status in statuses.items():
                    await self._answer({key: status})
                return
            for status in statuses.values():
                status.set_exception(error)
            return
        for (key, status), raw in zip(statuses.items(), replies, strict=True):
            try:
                reply = StatusReply.parse(raw)
                status.set_result(reply and parse_status(key.rpartition(":")[2], reply))
            except Exception as error:
                status.set_exception(error)
