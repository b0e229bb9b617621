"""The watchdog: ends a process in which native code hangs.

A thread inside OpenCV or TensorFlow cannot be interrupted from Python. When such a call outlasts
the deadline, the process ends at once; its leases run out, the supervisor starts another, and the
items that were in hand are tried again, each alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.ticker import Ticker

EXIT_CODE = 70
"""`EX_SOFTWARE` of sysexits.h: an internal error, worth a restart."""

log = logging.getLogger(__name__)


def _die() -> None:
    logging.shutdown()
    os._exit(EXIT_CODE)


class Watchdog:
    """Watches calls that must end within `limit_s` seconds; `die` is called when one does not."""

    def __init__(self, limit_s: float, die: Callable[[], object] = _die) -> None:
        self.limit_s = limit_s
        self._die = die
        self._lock = threading.Lock()
        self._running: dict[object, tuple[float, str]] = {}
        self._ticker = Ticker("watchdog", min(limit_s / 10, 1.0), self._look)

    def start(self) -> None:
        """Begin to watch."""
        self._ticker.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ticker.stop()

    @contextmanager
    def watch(self, what: str, times: int = 1) -> Iterator[None]:
        """The body of the `with` must end within `times` the limit; `what` names it in the log."""
        call = object()
        with self._lock:
            self._running[call] = time.monotonic() + times * self.limit_s, what
        try:
            yield
        finally:
            with self._lock:
                del self._running[call]

    def expect_silence(self) -> None:
        """Nothing is in hand, so no call may be running: one that does was given up by its item.

        It has hung long enough to cost that item its result; the next one shall not wait for it.
        """
        with self._lock:
            running = [what for _, what in self._running.values()]
        if running:
            self.give_up(f"{running[0]} does not end")

    def give_up(self, why: str) -> None:
        """End the process now: something in it is beyond repair."""
        log.critical("%s; this process ends with code %d", why, EXIT_CODE)
        self._die()

    def _look(self) -> None:
        now = time.monotonic()
        with self._lock:
            overdue = [what for end, what in self._running.values() if end < now]
        if overdue:
            self.give_up(f"{overdue[0]} has hung for more than {self.limit_s:g} s")
