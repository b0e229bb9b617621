"""Notices when the clock of this machine is far from Redis's."""

from __future__ import annotations

import logging
import time

APART_S = 60.0
"""Difference that is logged, seconds."""
LOGGED_EVERY_S = 600.0

log = logging.getLogger(__name__)


class ClockDifference:
    """Logs a large difference now and then: ids of jobs and signed links have our time."""

    def __init__(self) -> None:
        self._logged = -LOGGED_EVERY_S

    def note(self, ahead_s: float) -> None:
        """Note by how many seconds our clock is ahead of Redis's."""
        now = time.monotonic()
        if abs(ahead_s) > APART_S and now >= self._logged + LOGGED_EVERY_S:
            self._logged = now
            log.warning("the clock of this machine is %.0f s from Redis's: set both", ahead_s)
