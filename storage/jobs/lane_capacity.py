"""Limits of the open jobs and items of a lane."""

from __future__ import annotations

from redis import Redis

from roadmask.errors import QueueFull
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.jobs.keys import WAITING, open_key
from storage.redis_text import count


class LaneCapacity:
    """The limits of each lane. `create_job.lua` enforces them; `check` refuses a request early."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self.items = settings.max_open_items
        self.jobs = settings.max_open_jobs

    def check(self, lane: Lane, known_key: str | None) -> None:
        """Raise `QueueFull` if the lane is full, before any work for the new job.

        A request whose Idempotency-Key is in Redis, under `known_key`, passes: it may repeat an
        accepted request, and then gets the job of that request.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zcard(open_key(lane))
            pipe.hget(WAITING, lane)
            pipe.exists(known_key or "")
            jobs, waiting, is_known = pipe.execute()
        # A damaged count reads as 0 and refuses nobody until the reconciler repairs it.
        items = count(waiting)
        if (jobs >= self.jobs or items >= self.items) and not is_known:
            raise QueueFull(
                f"The lane {lane} is full: it has {jobs} open jobs with {items} open items. Try "
                "again once some are done."
            )

    def refusal(self, total: int) -> QueueFull:
        """The error for a job of `total` items that exceeds the limits of its lane."""
        return QueueFull(
            f"With {total} more items the lane would be over its limit of {self.items} open items "
            f"or {self.jobs} open jobs. Try again once some are done, or send fewer."
        )
