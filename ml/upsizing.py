"""From a network's logits to a mask, or probabilities, at the image's own size."""

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
    mask = np.empty((height, width), np.uint8)
    for part, planes in _strips(logits, height, width):
        mask[part] = answers[_best(planes)]
    return mask


def soften(
    logits: NDArray[np.float32], height: int, width: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Probabilities of all answers at every pixel, strip by strip from the top.

    Gives the rows of each strip and float32 (n, rows, width), which sum to 1 at every pixel: the
    softmax of the logits that `upsize` compares, so both have the same best answer.
    """
    for part, planes in _strips(logits, height, width):
        raised = np.stack(list(planes))
        raised -= raised.max(axis=0)
        np.exp(raised, out=raised)
        raised /= raised.sum(axis=0)
        yield part, raised


def _strips(
    logits: NDArray[np.float32], height: int, width: int
) -> Iterator[tuple[slice, Iterator[NDArray[np.float32]]]]:
    """The rows of each strip, and its planes resized to (rows, width) one after the other."""
    rows = logits.shape[1]
    centre = (np.arange(height, dtype=np.float64) + 0.5) * rows / height - 0.5
    centre = centre.clip(0, rows - 1)
    above = centre.astype(np.intp)
    below = np.minimum(above + 1, rows - 1)
    share = (centre - above).astype(np.float32)[:, None]
    for top in range(0, height, _STRIP):
        part = slice(top, min(top + _STRIP, height))
        up, down, low = above[part], below[part], share[part]
        yield (
            part,
            (_widen(plane[up] * (1 - low) + plane[down] * low, width) for plane in logits),
        )


def _best(planes: Iterator[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Index of the largest plane at every pixel."""
    best = next(planes)
    choice = np.zeros(best.shape, np.uint8)
    for index, wide in enumerate(planes, 1):
        np.copyto(choice, np.uint8(index), where=wide > best)
        np.maximum(best, wide, out=best)
    return choice


def _widen(plane: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    wide: NDArray[np.float32] = cv2.resize(
        plane, (width, len(plane)), interpolation=cv2.INTER_LINEAR
    )
    return wide
