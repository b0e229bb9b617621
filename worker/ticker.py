"""A duty that comes round again and again, in a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Ticker:
    """Calls `action` about every `seconds` until stopped, whatever it raises.

    `jitter` is the share by which a pause may be longer or shorter, so that many processes started
    together do not all knock on Redis at the same moment.
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
        """Begin; the first call of `action` comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the call in progress, and wait for that."""
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
            # Once for an outage, not once for each knock at the closed door.
            if not self._failing:
                log.warning("%s: %s: %s", self._thread.name, type(error).__name__, error)
            self._failing = True
        else:
            self._failing = False
