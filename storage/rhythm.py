"""Rhythm: how long a job in progress is left alone between two looks at its events."""

from __future__ import annotations

import time

PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.25
"""Events are taken together rather than one by one, after so many seconds."""
SHARE = 0.02
"""Of the time that the rest of the job will take, between these two: its end is not told late."""


class Rhythm:
    """Pauses for one who follows a job, by how quickly its items end."""

    __slots__ = ("_looked",)

    def __init__(self) -> None:
        self._looked = time.monotonic()

    def pause(self, ended: int, left: int) -> float:
        """Seconds to wait when since the last look `ended` items ended, and `left` have not."""
        now = time.monotonic()
        each = (now - self._looked) / ended
        self._looked = now
        return max(PAUSE_S, min(SHARE * left * each, LONGEST_PAUSE_S))
