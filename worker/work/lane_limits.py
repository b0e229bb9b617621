"""Limits on the items that a worker process has in progress."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from roadmask.schemas.jobs import Lane


class LaneLimits:
    """Up to `size` items in progress in each lane, or one suspect beside the interactive lane.

    Lanes have separate slots, so that a flood of batch items cannot block interactive ones. A
    thread waits for `group` free slots, and begins as many items with one call to Redis. While a
    suspect runs, no batch item does, so that a crash costs few other items. Interactive images do
    not wait for suspects.
    """

    def __init__(self, size: int, group: int = 1) -> None:
        self._size = size
        self._group = group
        self._used: Counter[Lane] = Counter()
        self._exclusive = False
        self._waiting_for_exclusive = 0
        self._changed = threading.Condition()

    def acquire(self, lane: Lane, limit: int) -> int:
        """Wait for free slots and take up to `limit` of them. Returns how many it took."""
        fewest = min(limit, self._group)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_admitted(lane) and self._used[lane] + fewest <= self._size
            )
            count = min(limit, self._size - self._used[lane])
            self._used[lane] += count
            return count

    def release(self, lane: Lane, count: int = 1) -> None:
        """Free slots."""
        with self._changed:
            self._used[lane] -= count
            self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no batch slot is used, and let no thread take one inside the `with` block."""
        with self._changed:
            self._waiting_for_exclusive += 1
            self._changed.wait_for(lambda: not self._exclusive and not self._used[Lane.BATCH])
            self._waiting_for_exclusive -= 1
            self._exclusive = True
        try:
            yield
        finally:
            with self._changed:
                self._exclusive = False
                self._changed.notify_all()

    def _is_admitted(self, lane: Lane) -> bool:
        suspects = self._exclusive or self._waiting_for_exclusive
        return lane is Lane.INTERACTIVE or not suspects
