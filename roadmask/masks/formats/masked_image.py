"""Masked images: a mask with the facts that formats add to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadmask.masks.taxonomy import CITYSCAPES, Category


@dataclass(frozen=True, slots=True, eq=False)
class MaskedImage:
    """A mask, uint8 (H, W), and what other tools need beside it."""

    mask: NDArray[np.uint8]
    image_id: str
    index: int = 0
    """Position in its job, from 0."""
    model: str = ""
    """`name@version` of the model that made the mask."""
    filename: str = ""
    """The name its owner gave the image, for tools that find images by their files."""
    url: str = ""
    """The URL of the image."""
    confidence: NDArray[np.uint8] | None = None
    """Confidence of each pixel, uint8 (H, W), if computed: see `roadmask.masks.confidence`."""

    @property
    def name(self) -> str:
        """The name under which other tools look for the image."""
        return self.filename or self.image_id

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        height, width = self.mask.shape
        return width, height

    def regions(self) -> Iterator[tuple[Category, NDArray[np.bool_]]]:
        """Each category in the mask, without void, and its pixels, bool (H, W)."""
        for index in np.unique(self.mask).tolist():
            if index != CITYSCAPES.void:
                yield CITYSCAPES.categories[index], self.mask == index
