"""Engine: the protocol of everything that computes a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BATCH = 8
"""Largest batch of an engine, images."""


class Engine(Protocol):
    """A network in memory. An image's logits do not depend on the other images of its batch."""

    @property
    def answers(self) -> NDArray[np.uint8]:
        """The categories of the planes of `logits`, uint8 (n,)."""
        ...

    @property
    def max_concurrency(self) -> int:
        """Number of threads that may use it at the same time."""
        ...

    @property
    def warm_batches(self) -> Sequence[int]:
        """Sizes of the batches that compile all its kernels for a size of images."""
        ...

    def release_memory(self, rest_s: float) -> None:
        """Give back memory that no image has needed for so many seconds, and that the next image
        for which it is needed takes again."""

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """Logits float32 (n, H, W) of each of at most `BATCH` RGB images uint8 (B, H, W, 3).

        They come in the order of the images, while later images may still be computed.
        """
        ...
