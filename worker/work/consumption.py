"""Proof that this worker consumes its lanes, given by the loops that consume.

A heartbeat that a timer sends proves only that the timer runs. The consuming loops report each of
their polls here, and chunks report their progress. The heartbeat leaves out a lane without proof.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from roadmask.schemas.jobs import Lane

MAX_POLL_INTERVAL_S = 15.0
"""Longest time between two polls of a loop: it polls every second, but a machine may be busy."""
UNTAKEN_S = 15.0
"""How long messages may wait in a lane while this worker does nothing."""


class Consumption:
    """The lanes of this worker that are consumed now.

    A lane is consumed if 3 conditions hold: its loop polled lately or runs a chunk, its running
    chunks make progress, and no message waits while the worker is idle. `stall_s` must exceed the
    longest step of a chunk. A model download may take longer, because it counts as progress while
    `downloaded`, the number of bytes that have arrived, grows.
    """

    def __init__(
        self,
        lanes: Collection[Lane],
        stall_s: float,
        downloaded: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stall_s = stall_s
        self._clock = clock
        self._downloaded = downloaded
        self._seen_bytes = 0
        self._lock = threading.Lock()
        self._polled_at: dict[Lane, float] = {}
        self._running: Counter[Lane] = Counter()
        """Chunks that run now."""
        self._progressed_at: dict[Lane, float] = {}
        self._untaken_since: dict[Lane, float] = {}
        self.served: tuple[Lane, ...] = tuple(sorted(lanes))
        """The lanes that this worker was started for."""

    def polled(self, *lanes: Lane) -> None:
        """Note that a loop polled these lanes, whether it found a message or not."""
        with self._lock:
            self._polled_at.update(dict.fromkeys(lanes, self._clock()))

    def progress(self, lane: Lane) -> None:
        """Note that a chunk of the lane finished a step."""
        with self._lock:
            self._progressed_at[lane] = self._clock()

    @contextmanager
    def chunk(self, lane: Lane) -> Iterator[None]:
        """Note that a thread runs a chunk of the lane inside the `with` block."""
        with self._lock:
            self._running[lane] += 1
            self._progressed_at[lane] = self._clock()
            self._untaken_since.clear()
        try:
            yield
        finally:
            with self._lock:
                self._running[lane] -= 1
                self._progressed_at[lane] = self._clock()

    def see_messages(self, lane: Lane, messages: int) -> None:
        """Note how many messages wait in the lane."""
        with self._lock:
            if messages == 0 or self._running.total():
                self._untaken_since.pop(lane, None)
            else:
                self._untaken_since.setdefault(lane, self._clock())

    def lanes(self) -> list[Lane]:
        """The lanes that are consumed now."""
        with self._lock:
            now = self._clock()
            if (arrived := self._downloaded()) != self._seen_bytes:
                # Chunks of every lane may wait for the model.
                self._seen_bytes = arrived
                self._progressed_at.update(dict.fromkeys(self.served, now))
            return [lane for lane in self.served if self._is_consumed(lane, now)]

    def _is_consumed(self, lane: Lane, now: float) -> bool:
        is_working = self._running[lane] > 0
        since_poll_s = now - self._polled_at.get(lane, -MAX_POLL_INTERVAL_S)
        is_polled = is_working or since_poll_s < MAX_POLL_INTERVAL_S
        is_stalled = is_working and now - self._progressed_at[lane] > self._stall_s
        is_untaken = now - self._untaken_since.get(lane, now) > UNTAKEN_S
        return is_polled and not is_stalled and not is_untaken
