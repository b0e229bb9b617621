"""Packs: masks that are fetched together, as many as ended since the last one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

PACK = 64
"""Most masks in one answer: so many are in memory at once."""
LINGER_S = 0.2
"""A pack that is not full waits for more masks, seconds: each answer costs as much as several."""


class Ended:
    """Items of a job that ended and whose masks were not fetched yet, by index.

    `send` is called whenever somebody has to come and `take` some. What ends within `LINGER_S`, or
    while nobody has time for it, is taken together. Safe to share between threads.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._indices: set[int] = set()
        self._complete = False

    def add(self, indices: Iterable[int]) -> None:
        """Note these."""
        with self._changed:
            was_empty = not self._indices
            self._indices.update(indices)
            self._changed.notify_all()
            if was_empty and self._indices:
                self._send()

    def finish(self) -> None:
        """No more will be added: nobody need wait for them."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def take(self) -> range:
        """The next ones in a row, at most `PACK`; where some are left, the next taker is sent."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._complete or len(self._indices) >= PACK, timeout=LINGER_S
            )
            start = stop = min(self._indices)
            while stop in self._indices and stop < start + PACK:
                self._indices.remove(stop)
                stop += 1
            if self._indices:
                self._send()
            return range(start, stop)
