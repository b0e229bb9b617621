"""Adaptive size of micro-batches, so that no image waits long for the running one."""

from __future__ import annotations

from collections import deque

TARGET_S = 0.1
"""How long one micro-batch should take, since an interactive image waits for the running batch.

Chosen, not measured: a delay of 0.1 s feels instantaneous (Miller, Response time in man-computer
conversational transactions, 1968). The number of images that fit is measured. A batch of one image
for each core may take longer."""
WINDOW = 16
"""Recent batches whose times count."""


class BatchSizer:
    """Sizes micro-batches to take about `target_s` seconds, between `minimum` and `maximum` images.

    `minimum` is what the engine computes in parallel, one image for each core: smaller batches
    would leave cores idle. The time of one image is that of the fastest recent batch, because a
    stall says nothing about the model. Until the first measurement, batches have `minimum` images.
    """

    def __init__(self, maximum: int, minimum: int = 1, target_s: float = TARGET_S) -> None:
        self._maximum = maximum
        self._minimum = min(minimum, maximum)
        self._target_s = target_s
        self._image_s: deque[float] = deque(maxlen=WINDOW)

    def observe(self, images: int, seconds: float) -> None:
        """Record that a batch of `images` took `seconds` in the model."""
        self._image_s.append(seconds / images)

    @property
    def size(self) -> int:
        """Images in the next micro-batch: `minimum`, `maximum` or a power of two in between."""
        if not self._image_s:
            return self._minimum
        fitting = int(self._target_s / max(min(self._image_s), 1e-6))
        # Some predictors pad batches to a power of two.
        rounded = 1 << max(fitting.bit_length() - 1, 0)
        return max(self._minimum, min(self._maximum, rounded))
