"""Pace: how many images go into the model at once, so that nobody waits long for a turn."""

from __future__ import annotations

from collections import deque

TURN_S = 0.1
"""How long one micro-batch should take: an urgent image waits for the one that is running."""
REMEMBERED = 16


class Pace:
    """Micro-batches of at most `most` images that take about `turn_s` seconds, and one at least.

    What an image takes is the best of the last few batches: a stall says nothing of the model. As
    long as nothing was measured, images go one by one.
    """

    def __init__(self, most: int, turn_s: float = TURN_S) -> None:
        self._most = most
        self._turn_s = turn_s
        self._recent: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, images: int, seconds: float) -> None:
        """A batch of so many images took so long in the model."""
        self._recent.append(seconds / images)

    @property
    def batch(self) -> int:
        """Images of one micro-batch as things are now: a power of two, to which predictors pad."""
        if not self._recent:
            return 1
        fitting = int(self._turn_s / max(min(self._recent), 1e-6))
        size = max(1, min(self._most, fitting))
        return 1 << (size.bit_length() - 1)
