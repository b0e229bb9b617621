"""Boundary IoU: agreement near the outlines, where masks of well-found things still differ."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from roadmask.masks.taxonomy import Taxonomy

WIDTHS = (1, 2, 4)
"""Pixels."""


class BoundaryCounts:
    """Pixels that the boundary IoU of each category comes from; void truth is ignored.

    Boundary IoU compares only the pixels of a category within `width` pixels of its outline, in
    the truth and in the mask (Cheng et al., CVPR 2021). Pixels of all images are pooled.
    """

    def __init__(self, taxonomy: Taxonomy, widths: Sequence[int] = WIDTHS) -> None:
        self._taxonomy = taxonomy
        self._widths = tuple(widths)
        self._both = np.zeros((len(widths), len(taxonomy)), np.int64)
        self._either = np.zeros_like(self._both)

    def add(self, truth: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """Count one image: truth and mask (H, W)."""
        labelled = truth != self._taxonomy.void
        for category in self._taxonomy.real:
            true, predicted = truth == category, (mask == category) & labelled
            if not (true.any() or predicted.any()):
                continue
            for row, width in enumerate(self._widths):
                a, b = _band(true, width), _band(predicted, width)
                self._both[row, category] += np.count_nonzero(a & b)
                self._either[row, category] += np.count_nonzero(a | b)

    def iou(self) -> dict[int, dict[str, float | None]]:
        """By width: the boundary IoU of each category, and `mean` over those that occur."""
        table: dict[int, dict[str, float | None]] = {}
        for row, width in enumerate(self._widths):
            known = {
                self._taxonomy.names[category]: self._both[row, category] / either
                for category in self._taxonomy.real
                if (either := self._either[row, category])
            }
            each: dict[str, float | None] = {
                self._taxonomy.names[category]: known.get(self._taxonomy.names[category])
                for category in self._taxonomy.real
            }
            table[width] = each | {"mean": sum(known.values()) / len(known) if known else None}
        return table


def _band(region: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The pixels of a region within `width` of its outline; the picture's edge is none."""
    side = 2 * width + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    inner = cv2.erode(region.astype(np.uint8), kernel, borderType=cv2.BORDER_REPLICATE)
    band: NDArray[np.bool_] = region & (inner == 0)
    return band
