"""Mosaics: images of a sensor with a colour filter array, one colour for each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

BAND = 2**18
"""About as many pixels are worked on at once: each takes 60 bytes meanwhile."""
MARGIN = 8
"""Rows above and below that a pixel's colours depend on; even, so that the pattern stays."""
ALONG = np.array([[-0.25, 0.5, 0.5, 0.5, -0.25]], np.float32)
"""The missing colour of a pixel from its row: the mean of its neighbours, and the curvature."""
SMOOTH: Plane = np.array([[1, 2, 3, 4, 5, 4, 3, 2, 1]], np.float32) / np.float32(25)
AROUND = np.array([[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]], np.float32)
"""The mean of those neighbours that have the colour."""
MEAN: Plane = np.ones((3, 3), np.float32) / np.float32(9)
AGAINST_NEIGHBOURS: Plane = np.array([[0, -0.25, 0], [-0.25, 1, -0.25], [0, -0.25, 0]], np.float32)
LOOKED_AT = 512
"""Side of the square in the middle that is looked at for a mosaic."""
STEADY = 0.35
"""Share of the differences of neighbours that is the same all around, in a mosaic."""


def demosaicked(pixels: NDArray[np.uint8], pattern: str) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) from a mosaic, uint8 (H, W), with the colours of the pattern.

    Green is found from the row and from the column, weighted by where the difference to the other
    colour is smoother (after Menon, Andriani and Calvagno, 2007), then red and blue from green, and
    all of them again from the medians of their differences.
    """
    height, width = pixels.shape
    if min(height, width) < 4:
        return np.repeat(pixels[..., None], 3, axis=2)
    rgb = np.empty((height, width, 3), np.uint8)
    # An even number of rows, so that each band begins with the same colours.
    rows = max(2 * MARGIN, BAND // width // 2 * 2)
    for start in range(0, height, rows):
        stop = min(height, start + rows)
        top, bottom = max(0, start - MARGIN), min(height, stop + MARGIN)
        band = _band(pixels[top:bottom].astype(np.float32), pattern)
        rgb[start:stop] = band[start - top : stop - top]
    return rgb


def looks_mosaicked(samples: NDArray[Any]) -> bool:
    """Whether grey samples (H, W) differ from their neighbours by their place in 2x2 pixels.

    In a mosaic each place has a colour of its own, so it is brighter or darker than its neighbours
    all around. Slopes, noise and edges of a picture have no such place.
    """
    if samples.ndim != 2 or min(samples.shape) < 32:
        return False
    import cv2

    height, width = (min(side, LOOKED_AT) // 2 * 2 for side in samples.shape)
    top, left = (samples.shape[0] - height) // 2, (samples.shape[1] - width) // 2
    square = samples[top : top + height, left : left + width].astype(np.float32)
    differences = _filtered(square, AGAINST_NEIGHBOURS)
    places = [differences[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    steady = np.mean([np.abs(cv2.blur(each, (9, 9))).mean() for each in places])
    return bool(steady > STEADY * max(np.abs(differences).mean(), 1e-6))


def _band(samples: Plane, pattern: str) -> NDArray[np.uint8]:
    import cv2

    has = {color: np.zeros(samples.shape, bool) for color in "RGB"}
    for place, color in enumerate(pattern):
        has[color][place // 2 :: 2, place % 2 :: 2] = True
    differences, weights = [], []
    for kernel in (ALONG, ALONG.T):
        missing = _filtered(samples, kernel)
        # Green minus the other colour of this row or column.
        difference = np.where(has["G"], samples - missing, missing - samples)
        step = np.array([[1, 0, -1]], np.float32)
        change = np.abs(_filtered(difference, step if kernel is ALONG else step.T))
        smooth = SMOOTH if kernel is ALONG else SMOOTH.T
        differences.append(_filtered(difference, smooth))
        weights.append(1 / (_filtered(change, MEAN) ** 2 + 0.01))
    mean = (differences[0] * weights[0] + differences[1] * weights[1]) / (weights[0] + weights[1])
    green = np.where(has["G"], samples, samples + mean)
    # Red and blue minus green: single pixels that differ from all around are faults of the above.
    red, blue = (
        cv2.medianBlur(
            np.where(
                has[color],
                samples - green,
                _filtered(np.where(has[color], samples - green, 0), AROUND),
            ),
            3,
        )
        for color in "RB"
    )
    green = np.where(has["R"], samples - red, np.where(has["B"], samples - blue, samples))
    rgb = np.empty((*samples.shape, 3), np.float32)
    rgb[..., 0] = np.where(has["R"], samples, green + red)
    rgb[..., 1] = green
    rgb[..., 2] = np.where(has["B"], samples, green + blue)
    return np.asarray(np.rint(rgb).clip(0, 255), np.uint8)


def _filtered(plane: Plane, kernel: Plane) -> Plane:
    import cv2

    return np.asarray(
        cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32
    )
