"""A latch that holds threads until the test releases it."""

from __future__ import annotations

import threading

from tests.harness.waiting import PATIENCE_S


class Latch:
    """Threads that call `hold` wait until `release`; after it, `hold` returns at once."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._released = threading.Event()

    def hold(self) -> None:
        self._reached.set()
        assert self._released.wait(PATIENCE_S), "the latch was never released"

    def is_reached(self) -> bool:
        return self._reached.is_set()

    def wait_until_reached(self) -> None:
        assert self._reached.wait(PATIENCE_S), "no thread reached the latch"

    def release(self) -> None:
        self._released.set()
