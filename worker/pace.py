"""Pace: how many images go into the model at once, so that nobody waits long for a turn."""

from __future__ import annotations

from collections import deque

TURN_S = 0.1
"""How long one micro-batch should take: an urgent image waits for the one that is running.

Chosen, not measured: a delay of a tenth of a second is felt as none (Miller, Response time in
man-computer conversational transactions, 1968). How many images it holds is measured; where an
image on each core takes longer, that is the turn."""
REMEMBERED = 16


class Pace:
    """Micro-batches of `least` to `most` images that take about `turn_s` seconds.

    `least` is what the engine computes side by side, an image on each core: fewer would leave some
    of them idle. What an image takes is the best of the last few batches, since a stall says
    nothing of the model; as long as nothing was measured, batches are small.
    """

    def __init__(self, most: int, least: int = 1, turn_s: float = TURN_S) -> None:
        self._most = most
        self._least = min(least, most)
        self._turn_s = turn_s
        self._recent: deque[float] = deque(maxlen=REMEMBERED)

    def note(self, images: int, seconds: float) -> None:
        """A batch of so many images took so long in the model."""
        self._recent.append(seconds / images)

    @property
    def batch(self) -> int:
        """Images of one micro-batch as things are now: a power of two, or the most."""
        if not self._recent:
            return self._least
        fitting = int(self._turn_s / max(min(self._recent), 1e-6))
        # A predictor may pad what is no power of two.
        rounded = 1 << max(fitting.bit_length() - 1, 0)
        return max(self._least, min(self._most, rounded))
