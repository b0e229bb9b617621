"""How much of its rate and of its quota of images a key has used."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from redis import Redis

from roadmask.errors import QuotaExceeded, RecordsUnavailable
from storage.access.caller import Caller
from storage.connections import records_guard

RATE = "rm:rate:key:"
"""Prefix, per key and minute: number of requests; expires."""
ITEMS = "rm:quota:items:"
"""Prefix, per key and day (UTC): images in jobs; expires."""
MINUTE = 60
KEPT_S = 2 * 24 * 3600

T = TypeVar("T")


class RateWindow(NamedTuple):
    """The requests of a key in this minute."""

    limit: int
    used: int
    reset_s: int
    """Seconds until the next minute."""

    @property
    def is_over(self) -> bool:
        """Whether this request is beyond the limit."""
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """The header fields `RateLimit` and `RateLimit-Policy` (IETF draft of HTTPAPI)."""
        remaining = max(0, self.limit - self.used)
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={MINUTE}',
            "RateLimit": f'"requests";r={remaining};t={self.reset_s}',
        }


def rate_key(key_id: str) -> str:
    """Key of the counter of this minute."""
    return f"{RATE}{key_id}:{int(time.time()) // MINUTE}"


def rate_window(limit: int, used: int) -> RateWindow:
    """The window of this minute."""
    return RateWindow(limit, used, MINUTE - int(time.time()) % MINUTE)


class KeyUsage:
    """The counters of keys in Redis. They begin again at 0 when Redis is emptied."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    def limited(self, caller: Caller, items: Iterable[T]) -> Iterator[T]:
        """The items of a new job. Raises `QuotaExceeded` at the first one beyond the quota."""
        quota = caller.key.quota_items if caller.key else None
        if quota is None:
            yield from items
            return
        with records_guard():
            used = int(self._redis.get(_items_key(caller)) or 0)
        for number, item in enumerate(items, 1):
            if used + number > quota:
                raise QuotaExceeded(
                    f"This key has {quota:,} images a day, and {used:,} are used. More come at "
                    "midnight (UTC); the operator may raise the quota."
                )
            yield item

    def count_items(self, caller: Caller, items: int) -> None:
        """Count the images of an accepted job."""
        if caller.key is None or caller.key.quota_items is None:
            return
        # The job is accepted, whatever happens to its counter.
        with (
            suppress(RecordsUnavailable),
            records_guard(),
            self._redis.pipeline(transaction=False) as pipe,
        ):
            pipe.incrby(_items_key(caller), items)
            pipe.expire(_items_key(caller), KEPT_S)
            pipe.execute()


def _items_key(caller: Caller) -> str:
    return f"{ITEMS}{caller.owner}:{datetime.now(UTC):%Y%m%d}"
