"""A check that may hang. It runs in a thread of its own, and callers share its result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundCheck(Generic[T]):
    """Runs `check` when its last result is older than `fresh_s` seconds.

    No run begins while another one hangs. So a server that never answers blocks only one thread,
    however often the result is requested.
    """

    def __init__(self, name: str, check: Callable[[], T], fresh_s: float) -> None:
        self._name = name
        self._check = check
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._run: Future[T] | None = None
        self._begun = 0.0
        self._ended = 0.0

    def result(self) -> Future[T]:
        """The result of a fresh run, or the future of the run in progress."""
        with self._lock:
            run = self._run
            if run is not None and not run.done():
                return run
            if run is not None and time.monotonic() - self._ended < self._fresh_s:
                return run
            begun: Future[T] = Future()
            # `start` raises if the machine has no threads left. Then the next call tries again.
            threading.Thread(target=self._fill, args=(begun,), name=self._name, daemon=True).start()
            self._run, self._begun = begun, time.monotonic()
            return begun

    @property
    def running_s(self) -> float:
        """Seconds since the run in progress began."""
        with self._lock:
            return time.monotonic() - self._begun

    def _fill(self, run: Future[T]) -> None:
        try:
            value = self._check()
        except BaseException as error:
            self._ended = time.monotonic()
            run.set_exception(error)
        else:
            self._ended = time.monotonic()
            run.set_result(value)
