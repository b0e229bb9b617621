"""How many open jobs and items a lane takes."""

from __future__ import annotations

from redis import Redis

from roadmask.errors import QueueFull
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.jobs.keys import WAITING, open_key
from storage.redis_text import count


class LaneCapacity:
    """The limits of each lane. `create_job.lua` enforces them; this tells of them early."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self.items = settings.max_open_items
        self.jobs = settings.max_open_jobs

    def check(self, lane: Lane, known_key: str | None) -> None:
        """Raise `QueueFull` before the work of accepting a job for which there is no room.

        A request whose Idempotency-Key is in Redis, under `known_key`, may be the repetition of one
        that was accepted: it goes on to its job.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zcard(open_key(lane))
            pipe.hget(WAITING, lane)
            pipe.exists(known_key or "")
            jobs, waiting, is_known = pipe.execute()
        # The reconciler repairs a damaged count; until then it refuses nobody.
        items = count(waiting)
        if (jobs >= self.jobs or items >= self.items) and not is_known:
            raise QueueFull(
                f"The lane {lane} has {jobs} open jobs with {items} open items, which is all that "
                "it takes. Try again once some are done."
            )

    def refusal(self, total: int) -> QueueFull:
        """The error for a job of `total` items that the lane does not take."""
        return QueueFull(
            f"With {total} more items the lane would be over its limit of {self.items} open items "
            f"or {self.jobs} open jobs. Try again once some are done, or send fewer."
        )
