"""Statuses of jobs, asked for by many at once and answered together."""

from __future__ import annotations

import asyncio
from itertools import islice

from redis.asyncio import Redis

from storage.job_keys import job_key
from storage.job_status import Status, parse_status
from storage.scripts import source

TOGETHER = 32
"""Most jobs in one call: Redis does nothing else meanwhile."""


class Statuses:
    """Reads of the status script. While one call is under way, the next one gathers who asks.

    A call to Redis costs this process several times what one more job in it does. Nobody is
    answered by a call that began before the question: what a client did before it asks, it sees.
    """

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(source("status"))
        self._asked: dict[str, asyncio.Future[Status | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def read(self, job_id: str) -> Status | None:
        """The job as it is now, or None when Redis has none of that id.

        Raises `JobNotFound` for what cannot be an id, and what redis-py raises.
        """
        key = job_key(job_id)
        if (answer := self._asked.get(key)) is None:
            answer = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        # Of those who share an answer, one may be canceled.
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        while keys := list(islice(self._asked, TOGETHER)):
            answers = [self._asked.pop(key) for key in keys]
            try:
                replies = await self._script(keys=keys)
                for key, reply, answer in zip(keys, replies, answers, strict=True):
                    answer.set_result(reply and parse_status(key.rpartition(":")[2], reply))
            except Exception as error:
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(error)
        self._asking = None
