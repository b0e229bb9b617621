"""Slots: how many items a worker process has in hand, and when one must be alone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from roadmask.jobs import Lane


class Slots:
    """`size` places in each lane, or the whole process for one suspected item.

    A lane of its own keeps a flood of batch items from holding the places of interactive ones.
    Places are given `together` at once where so many are wanted: whoever takes them goes to Redis
    for it. Whoever is alone is the only one that can be blamed when the process dies.
    """

    def __init__(self, size: int, together: int = 1) -> None:
        self._size = size
        self._together = together
        self._taken: Counter[Lane] = Counter()
        self._solitary = False
        self._waiting = 0
        self._changed = threading.Condition()

    def take(self, lane: Lane, limit: int) -> int:
        """Take up to `limit` places; waits for the first of them. Returns how many it got."""
        fewest = min(limit, self._together)
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    not self._solitary
                    and not self._waiting
                    and self._taken[lane] + fewest <= self._size
                )
            )
            count = min(limit, self._size - self._taken[lane])
            self._taken[lane] += count
            return count

    def free(self, lane: Lane, count: int = 1) -> None:
        """Give places back."""
        with self._changed:
            self._taken[lane] -= count
            self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing else is in hand inside the `with`; newcomers wait, those in hand finish first."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._solitary and not self._taken.total())
            self._waiting -= 1
            self._solitary = True
        try:
            yield
        finally:
            with self._changed:
                self._solitary = False
                self._changed.notify_all()
