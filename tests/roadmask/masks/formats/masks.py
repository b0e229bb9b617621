"""Masks to derive forms from."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from roadmask.masks.formats.masked_image import MaskedImage


def noise(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Every pixel a category of its own choice."""
    return np.random.default_rng(seed).integers(0, 8, shape).astype(np.uint8)


def blobs(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Smooth regions of all categories, as a street has them."""
    height, width = shape
    field = np.random.default_rng(seed).random((height, width), np.float32)
    smooth = cv2.GaussianBlur(field, (0, 0), 8)
    levels: NDArray[np.float32] = cv2.normalize(smooth, None, 0, 7.99, cv2.NORM_MINMAX)
    return levels.astype(np.uint8)


def masked(mask: NDArray[np.uint8], index: int = 0) -> MaskedImage:
    """The mask of an image at this place of a job."""
    return MaskedImage(
        mask,
        image_id=f"streets/{index:02}",
        index=index,
        model="vgg_unet@3",
        url=f"http://here/v1/images/sha256-{index:064}/content",
    )


MASKS = [
    noise((1, 1)),
    noise((1, 70), seed=1),
    noise((37, 53), seed=2),
    blobs((90, 140)),
    np.full((5, 4), 6, np.uint8),
    np.zeros((5, 4), np.uint8),
]
"""Single pixels, single rows, short runs, long runs, one category alone, void alone."""
