"""The throttle of a client's reads while a job is in progress."""

from __future__ import annotations

import time

PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25
"""Limits of a pause, seconds. Events that arrive during a pause are read together."""
SHARE = 0.02
"""Pause for this share of the estimated remaining time, so that the end is reported promptly."""


class Throttle:
    """Computes pauses between reads from the rate at which items end."""

    __slots__ = ("_last_read",)

    def __init__(self) -> None:
        self._last_read = time.monotonic()

    def pause(self, ended: int, remaining: int) -> float:
        """Return the seconds to pause after `ended` items ended since the last call."""
        now = time.monotonic()
        seconds_per_item = (now - self._last_read) / ended
        self._last_read = now
        return max(PAUSE_S, min(SHARE * remaining * seconds_per_item, LONGEST_PAUSE_S))
