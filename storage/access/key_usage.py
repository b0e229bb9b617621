"""Usage of API keys: requests per minute, and images per day."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from redis import Redis

from roadmask.errors import QuotaExceeded, RecordsUnavailable
from storage.access.caller import Caller
from storage.access.quota_holds import Hold, QuotaHolds
from storage.connections import records_guard
from storage.jobs.keys import idempotency_key as key_of

RATE = "rm:rate:key:"
"""Prefix, per key and minute: number of requests; expires."""
ITEMS = "rm:quota:items:"
"""Prefix, per day (UTC): hash from a key to its images in jobs; expires."""
MINUTE = 60
KEPT_S = 2 * 24 * 3600
"""Time to live of the counter of a day, seconds."""
BATCH = 1000
"""Images that a new job reserves in one call."""
UNLIMITED = 2**53
"""A quota that no key reaches."""

T = TypeVar("T")


class RateWindow(NamedTuple):
    """The requests of a key in this minute."""

    limit: int
    used: int
    reset_s: int
    """Seconds until the next minute."""

    @property
    def is_over(self) -> bool:
        """Whether this request exceeds the limit."""
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


class ItemReservation:
    """The images of a new job, reserved from the day's quota until it is accepted or refused."""

    def __init__(self, redis: Redis, caller: Caller, known_key: str | None) -> None:
        self._redis: Any = redis
        self._holds = QuotaHolds(redis)
        self._quota = caller.key.quota_items if caller.key else None
        self._known_key = known_key
        self._hold = Hold(f"{ITEMS}{datetime.now(UTC):%Y%m%d}", str(caller.owner), uuid4().hex)
        self._held = 0

    def taking(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, and reserve each batch first. Raises `QuotaExceeded`."""
        if self._quota is None:
            yield from items
            return
        remaining = iter(items)
        while batch := list(islice(remaining, BATCH)):
            self._take(self._held + len(batch), self._quota)
            yield from batch

    def count(self) -> None:
        """Count the images of the accepted job as used."""
        if self._held:
            # The job is accepted, even if it cannot be counted.
            with suppress(RecordsUnavailable), records_guard():
                self._holds.count(self._hold, self._held, KEPT_S)
            self._held = 0

    def drop(self) -> None:
        """Release the reserved images that were not counted."""
        if self._held:
            with suppress(RecordsUnavailable), records_guard():
                self._holds.drop(self._hold)

    def _take(self, amount: int, quota: int) -> None:
        with records_guard():
            taken, used = self._holds.take(self._hold, amount, quota)
            if not taken and self._known_key and self._redis.exists(self._known_key):
                # The request repeats an accepted one, and gets the job of that request.
                taken, _ = self._holds.take(self._hold, amount, UNLIMITED)
        if not taken:
            raise QuotaExceeded(
                f"This key has {quota:,} images a day, and {used:,} are used. More come at "
                "midnight (UTC); the operator may raise the quota."
            )
        self._held = amount


class KeyUsage:
    """The counters of keys in Redis. They start again at 0 when Redis is emptied."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @contextmanager
    def reserve(self, caller: Caller, idempotency_key: str | None) -> Iterator[ItemReservation]:
        """A reservation for a new job. Images that the `with` block does not count are released.

        A request whose Idempotency-Key created a job before may exceed the quota.
        """
        known_key = idempotency_key and key_of(idempotency_key, caller.owner)
        reservation = ItemReservation(self._redis, caller, known_key)
        try:
            yield reservation
        finally:
            reservation.drop()
