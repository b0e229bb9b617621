"""Packs: masks that are fetched together, as many as ended since the last one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

PACK = 64
"""Most masks in one answer: so many are in memory at once."""


class Ended:
    """Items of a job that ended and whose masks were not fetched yet, by index.

    `send` is called whenever somebody has to come and `take` some. Those that end one by one are
    taken one by one; what ends while nobody has time for it is taken together. Safe to share
    between threads.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._indices: set[int] = set()

    def add(self, indices: Iterable[int]) -> None:
        """Note these."""
        with self._lock:
            was_empty = not self._indices
            self._indices.update(indices)
            if was_empty and self._indices:
                self._send()

    def take(self) -> range:
        """The next ones in a row, at most `PACK`; where some are left, the next taker is sent."""
        with self._lock:
            start = stop = min(self._indices)
            while stop in self._indices and stop < start + PACK:
                self._indices.remove(stop)
                stop += 1
            if self._indices:
                self._send()
            return range(start, stop)
