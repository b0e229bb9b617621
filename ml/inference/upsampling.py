"""Upsampling: from logits to a mask, or to probabilities, at the image's own size."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

_STRIP = 64
"""Rows of the mask computed at a time: they fit into the processor's cache, and 50 megapixels fit
into memory.
"""


def upsample_mask(
    logits: NDArray[np.float32], height: int, width: int, answers: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The best category of every pixel, uint8 (height, width).

    `logits` are float32 (n, h, w), one plane per possible answer; they are resized bilinearly
    (half-pixel centres, edges repeated) before the best is chosen. `answers` uint8 (n,) are the
    categories of the planes.
    """
    mask = np.empty((height, width), np.uint8)
    best, larger = np.empty((_STRIP, width), np.float32), np.empty((_STRIP, width), np.uint8)
    table = np.zeros(256, np.uint8)
    table[: len(answers)] = answers
    for part, planes in _strips(logits, height, width):
        choice = mask[part]
        _choose(planes, choice, best[: len(choice)], larger[: len(choice)])
        cv2.LUT(choice, table, dst=choice)
    return mask


def upsample_probabilities(
    logits: NDArray[np.float32], height: int, width: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Probabilities of all answers at every pixel, strip by strip from the top.

    Yields the rows of each strip and float32 (n, rows, width), which sum to 1 at every pixel. They
    are the softmax of the logits that `upsample_mask` compares, so both have the same best answer.
    """
    for part, planes in _strips(logits, height, width):
        raised = np.stack([plane.copy() for plane in planes])
        raised -= raised.max(axis=0)
        np.exp(raised, out=raised)
        raised /= raised.sum(axis=0)
        yield part, raised


def _strips(
    logits: NDArray[np.float32], height: int, width: int
) -> Iterator[tuple[slice, Iterator[NDArray[np.float32]]]]:
    """Yield the rows of each strip, and its planes resized to (rows, width) one after the other.

    Each plane overwrites the one before.
    """
    rows = logits.shape[1]
    centre = (np.arange(height, dtype=np.float64) + 0.5) * rows / height - 0.5
    centre = centre.clip(0, rows - 1)
    above = centre.astype(np.intp)
    below = np.minimum(above + 1, rows - 1)
    share = (centre - above).astype(np.float32)[:, None]
    wide = np.empty((_STRIP, width), np.float32)
    for top in range(0, height, _STRIP):
        part = slice(top, min(top + _STRIP, height))
        yield part, _resized(logits, above[part], below[part], share[part], wide)


def _resized(
    logits: NDArray[np.float32],
    above: NDArray[np.intp],
    below: NDArray[np.intp],
    share: NDArray[np.float32],
    wide: NDArray[np.float32],
) -> Iterator[NDArray[np.float32]]:
    """Yield each plane, interpolated between rows `above` and `below` and widened, in `wide`."""
    wide = wide[: len(above)]
    upper, lower = np.empty((2, len(above), logits.shape[2]), np.float32)
    for plane in logits:
        # With a mode, NumPy writes into `out` directly; no index is out of bounds.
        np.take(plane, above, axis=0, out=upper, mode="clip")
        np.take(plane, below, axis=0, out=lower, mode="clip")
        upper *= 1 - share
        lower *= share
        upper += lower
        cv2.resize(upper, wide.shape[::-1], dst=wide, interpolation=cv2.INTER_LINEAR)
        yield wide


def _choose(
    planes: Iterator[NDArray[np.float32]],
    choice: NDArray[np.uint8],
    best: NDArray[np.float32],
    larger: NDArray[np.uint8],
) -> None:
    """Set `choice` to the index of the largest plane at every pixel; the first one wins a tie.

    `best` and `larger` are work memory of the same shape.
    """
    best[...] = next(planes)
    choice[...] = 0
    for index, wide in enumerate(planes, 1):
        cv2.compare(wide, best, cv2.CMP_GT, dst=larger)
        # Indices rise, so the largest of those that were ever larger is the last of them.
        larger &= np.uint8(index)
        np.maximum(choice, larger, out=choice)
        np.maximum(best, wide, out=best)
