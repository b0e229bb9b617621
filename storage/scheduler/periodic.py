"""Periodic calls, each in its own thread."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Periodic:
    """Calls `action` every `seconds` until stopped, and logs its exceptions.

    `jitter` varies each pause by up to this share, so that processes that start together do not
    all use Redis at the same moment.
    """

    def __init__(
        self, name: str, seconds: float, action: Callable[[], object], jitter: float = 0.0
    ) -> None:
        self._seconds = seconds
        self._action = action
        self._jitter = jitter
        self._stopped = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; the first call of `action` is immediate."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for the call in progress, then end the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._call()
            self._stopped.wait(self._seconds * (1 + self._jitter * random.uniform(-1, 1)))

    def _call(self) -> None:
        try:
            self._action()
        except Exception as error:
            # One line for each outage, not for each call.
            if not self._failing:
                log.warning("%s: %s: %s", self._thread.name, type(error).__name__, error)
            self._failing = True
        else:
            self._failing = False
