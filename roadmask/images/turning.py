"""Turning: from the pixels as they are stored to the pixels as they are shown."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from roadmask.images.facts import TRANSPOSED

_Kind = TypeVar("_Kind", bound=np.generic)


def turned(pixels: NDArray[_Kind], orientation: int) -> NDArray[_Kind]:
    """The pixels, (H, W) or (H, W, 3), turned by an EXIF orientation of 1 to 8."""
    if orientation == 1:
        return pixels
    import cv2

    if orientation in TRANSPOSED:
        pixels = cv2.transpose(pixels)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return np.asarray(pixels if flip is None else cv2.flip(pixels, flip), pixels.dtype)
