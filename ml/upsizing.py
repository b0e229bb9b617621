"""From a network's logits to a mask at the image's own size."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

_STRIP = 64
"""Rows of the mask made at once: they fit the processor's cache, and 50 megapixels fit memory."""


def upsize(
    logits: NDArray[np.float32], height: int, width: int, answers: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The best category of every pixel, uint8 (height, width).

    `logits` are float32 (n, h, w), one plane per possible answer; they are resized bilinearly
    (half-pixel centres, edges repeated) before the best is chosen. `answers` uint8 (n,) are the
    categories of the planes.
    """
    rows = logits.shape[1]
    centre = (np.arange(height, dtype=np.float64) + 0.5) * rows / height - 0.5
    centre = centre.clip(0, rows - 1)
    above = centre.astype(np.intp)
    below = np.minimum(above + 1, rows - 1)
    share = (centre - above).astype(np.float32)[:, None]
    mask = np.empty((height, width), np.uint8)
    for top in range(0, height, _STRIP):
        part = slice(top, top + _STRIP)
        planes = (
            plane[above[part]] * (1 - share[part]) + plane[below[part]] * share[part]
            for plane in logits
        )
        mask[part] = answers[_best(planes, width)]
    return mask


def _best(planes: Iterator[NDArray[np.float32]], width: int) -> NDArray[np.uint8]:
    """Index of the largest plane at every pixel, after each was widened to `width`."""
    best = _widen(next(planes), width)
    choice = np.zeros(best.shape, np.uint8)
    for index, plane in enumerate(planes, 1):
        wide = _widen(plane, width)
        np.copyto(choice, np.uint8(index), where=wide > best)
        np.maximum(best, wide, out=best)
    return choice


def _widen(plane: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    wide: NDArray[np.float32] = cv2.resize(
        plane, (width, len(plane)), interpolation=cv2.INTER_LINEAR
    )
    return wide
