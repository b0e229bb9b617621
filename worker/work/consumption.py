"""Proof that this worker consumes its lanes, given by the loops that consume.

A heartbeat that a timer sends proves only that the timer runs. The loops report each of their
turns here, chunks report their progress, and a lane without proof is left out of the heartbeat.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from roadmask.schemas.jobs import Lane

TURN_S = 15.0
"""Longest time between two turns of a loop: it polls every second, and a machine may be busy."""
UNTAKEN_S = 15.0
"""How long messages may wait in a lane while this worker does nothing."""


class Consumption:
    """The lanes of this worker that are consumed now.

    A lane is consumed if its loop turned lately or is at work on a chunk, its running chunks make
    progress, and no message waits while the worker is idle. `stall_s` must exceed the longest step
    of a chunk but the download of a model: `downloaded`, the bytes that have arrived so far, grows
    meanwhile.
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
        self._turned: dict[Lane, float] = {}
        self._running: Counter[Lane] = Counter()
        self._progressed: dict[Lane, float] = {}
        self._untaken_since: dict[Lane, float] = {}
        self.served: tuple[Lane, ...] = tuple(sorted(lanes))

    def turn(self, *lanes: Lane) -> None:
        """A loop that consumes these lanes took a message, or found none."""
        with self._lock:
            self._turned.update(dict.fromkeys(lanes, self._clock()))

    def progress(self, lane: Lane) -> None:
        """A chunk of the lane made a step."""
        with self._lock:
            self._progressed[lane] = self._clock()

    @contextmanager
    def chunk(self, lane: Lane) -> Iterator[None]:
        """A thread works on a message of the lane inside the `with` block."""
        with self._lock:
            self._running[lane] += 1
            self._progressed[lane] = self._clock()
            self._untaken_since.clear()
        try:
            yield
        finally:
            with self._lock:
                self._running[lane] -= 1
                self._progressed[lane] = self._clock()

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
                # Chunks of each lane may wait for the model.
                self._seen_bytes = arrived
                self._progressed.update(dict.fromkeys(self.served, now))
            return [lane for lane in self.served if self._is_consumed(lane, now)]

    def _is_consumed(self, lane: Lane, now: float) -> bool:
        is_working = self._running[lane] > 0
        turned = is_working or now - self._turned.get(lane, -TURN_S) < TURN_S
        stalled = is_working and now - self._progressed[lane] > self._stall_s
        untaken = now - self._untaken_since.get(lane, now) > UNTAKEN_S
        return turned and not stalled and not untaken
