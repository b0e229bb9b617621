"""Masked images: what a form of a mask is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadmask.categories import CITYSCAPES, Category


@dataclass(frozen=True, slots=True, eq=False)
class MaskedImage:
    """A mask, uint8 (H, W), and what other tools want to know beside it."""

    mask: NDArray[np.uint8]
    image_id: str
    index: int = 0
    """Position in its job, from 0."""
    model: str = ""
    """`name@version` of the model that made the mask."""
    url: str = ""
    """Where the image is."""
    confidence: NDArray[np.uint8] | None = None
    """Of each pixel, uint8 (H, W) on the scale of `roadmask.confidence`, where it was computed."""

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        height, width = self.mask.shape
        return width, height

    def regions(self) -> Iterator[tuple[Category, NDArray[np.bool_]]]:
        """Each category that the mask holds with its pixels, bool (H, W); void is none."""
        for index in np.unique(self.mask).tolist():
            if index != CITYSCAPES.void:
                yield CITYSCAPES.categories[index], self.mask == index
