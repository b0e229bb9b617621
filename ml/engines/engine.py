"""Engine: what computes a network, whatever it is built on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BATCH = 8
"""Most images that an engine is given at once."""


class Engine(Protocol):
    """A network in memory. An image's logits do not depend on what else is in its batch."""

    @property
    def answers(self) -> NDArray[np.uint8]:
        """The categories of the planes of `logits`, uint8 (n,)."""
        ...

    @property
    def callers(self) -> int:
        """How many threads may use it at once, and keep it busy."""
        ...

    def warm(self, height: int, width: int) -> None:
        """Do before the first image what would make it wait, for images of that size."""

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """Logits float32 (n, H, W) of each of at most `BATCH` RGB images uint8 (B, H, W, 3).

        They come in the order of the images, while those of later images may still be computed.
        """
        ...
