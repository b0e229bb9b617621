"""Outlines: the borders of a mask's connected pieces, along the edges of their pixels.

Each side of a pixel behind which another category lies is one step of an outline. The steps are
walked clockwise around the pixel they belong to, so a piece's outer ring runs clockwise on the
screen and its holes the other way. Pieces are 4-connected: two pixels that meet at a corner alone
are two pieces.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int32]
"""Corners (x, y) of a closed line in pixels, shape (N, 2), the first not repeated.

Whole numbers are the edges of pixels: (0, 0) is the image's upper left corner."""

_STARTS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.int32)
"""Where the step along a pixel's top, right, bottom and left side begins, from its corner."""


def outlines(mask: NDArray[np.uint8], void: int) -> Iterator[tuple[int, list[Ring]]]:
    """Each piece of a mask, uint8 (H, W), as its category and its rings, the outer one first."""
    pieces = _pieces(mask, void)
    steps, following = _steps(pieces)
    padded_width = mask.shape[1] + 2
    side, pixel = np.divmod(steps, pieces.size)
    row, column = np.divmod(pixel, padded_width)
    corners = np.stack((column - 1, row - 1), axis=1).astype(np.int32) + _STARTS[side]
    piece_of = pieces.ravel()[pixel]
    found: dict[int, list[Ring]] = {}
    category_of: dict[int, int] = {}
    for loop in _loops(following):
        first = loop[0]
        turns = side[loop] != np.roll(side[loop], 1)
        found.setdefault(int(piece_of[first]), []).append(corners[loop][turns])
        category_of[int(piece_of[first])] = int(mask[row[first] - 1, column[first] - 1])
    for piece, rings in found.items():
        yield category_of[piece], sorted(rings, key=area, reverse=True)


def area(ring: Ring) -> float:
    """Pixels inside the ring; negative when it is a hole."""
    x, y = ring.astype(np.float64).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _pieces(mask: NDArray[np.uint8], void: int) -> NDArray[np.int32]:
    """The number of each pixel's piece, from 1; 0 for void and for a border of one pixel."""
    import cv2

    pieces = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.int32)
    inner, count = pieces[1:-1, 1:-1], 0
    for category in np.unique(mask).tolist():
        if category == void:
            continue
        pixels = mask == category
        number, labels = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
        inner[pixels] = labels[pixels] + count
        count += number - 1
    return pieces


def _steps(pieces: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All steps as side * pixels + pixel, sorted, and the place of the step after each."""
    flat, width = pieces.ravel(), pieces.shape[1]
    across = np.array([-width, 1, width, -1])
    along = np.roll(across, -1)
    # Every step's pixel is off the border, so all its neighbours exist.
    inside = np.flatnonzero(flat)
    steps, following = [], []
    for side in range(4):
        pixel = inside[flat[inside] != flat[inside + across[side]]]
        ahead, outward = pixel + along[side], pixel + along[side] + across[side]
        turns_right = flat[ahead] != flat[pixel]
        goes_on = flat[outward] != flat[pixel]
        right = (side + 1) % 4 * flat.size + pixel
        straight = side * flat.size + ahead
        left = (side + 3) % 4 * flat.size + outward
        steps.append(side * flat.size + pixel)
        following.append(np.where(turns_right, right, np.where(goes_on, straight, left)))
    every = np.concatenate(steps)
    return every, np.searchsorted(every, np.concatenate(following))


def _loops(following: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The cycles of a permutation."""
    after: list[int] = following.tolist()
    seen = bytearray(len(after))
    for first in range(len(after)):
        if seen[first]:
            continue
        loop, step = [], first
        while not seen[step]:
            seen[step] = 1
            loop.append(step)
            step = after[step]
        yield np.array(loop)
