"""The reconciler: brings back what a crash, a lost message or an emptied Redis left behind.

Every worker process has one. The records let a single one of them lead at a time.
"""

from __future__ import annotations

import logging

from storage.recovery import Recovery

from worker.ticker import Ticker

log = logging.getLogger(__name__)


class Reconciler:
    """Runs `Recovery` about every `seconds`."""

    def __init__(self, recovery: Recovery, seconds: float) -> None:
        self._recovery = recovery
        self._ticker = Ticker("reconciler", seconds, self._round, jitter=0.3)

    def start(self) -> None:
        """Begin; the first round comes at once, since a crash may be why this process starts."""
        self._ticker.start()

    def stop(self) -> None:
        """End after the round in progress."""
        self._ticker.stop()

    def _round(self) -> None:
        brought_back = {what: count for what, count in self._recovery.run().items() if count}
        if brought_back:
            log.info("recovered %s", " ".join(f"{k}={v}" for k, v in brought_back.items()))
