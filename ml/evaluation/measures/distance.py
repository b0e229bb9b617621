"""IoU by distance to the camera's axis: lenses distort, and dashboards intrude, near the edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadmask.masks.scores import confusion, iou_per_category, mean_iou
from roadmask.masks.taxonomy import Taxonomy

RINGS = ("inner", "middle", "outer")
"""Thirds of the distance from the image's centre, where the axis is taken to be, to a corner."""


class DistanceCounts:
    """Confusion counts of each ring around the image's centre. Pixels of all images are pooled."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._counts = np.zeros((len(RINGS), len(taxonomy), len(taxonomy)), np.int64)

    def add(self, truth: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """Count one image: truth and mask (H, W)."""
        ring = _rings(*truth.shape)
        for index, counts in enumerate(self._counts):
            here = ring == index
            counts += confusion(truth[here], mask[here], len(self._taxonomy))

    def iou(self) -> dict[str, dict[str, float | None]]:
        """By ring: the IoU of each category, and `mean` over those that occur."""
        names = [self._taxonomy.names[index] for index in self._taxonomy.real]
        table = {}
        for ring, counts in zip(RINGS, self._counts, strict=True):
            values = [*iou_per_category(counts, self._taxonomy), mean_iou(counts, self._taxonomy)]
            table[ring] = {
                name: None if np.isnan(value) else float(value)
                for name, value in zip([*names, "mean"], values, strict=True)
            }
        return table


def _rings(height: int, width: int) -> NDArray[np.uint8]:
    """The index of each pixel's ring, uint8 (height, width)."""
    down = (np.arange(height) + 0.5 - height / 2)[:, None] / np.hypot(height, width) * 2
    right = (np.arange(width) + 0.5 - width / 2) / np.hypot(height, width) * 2
    rings: NDArray[np.uint8] = (np.hypot(down, right) * len(RINGS)).astype(np.uint8)
    return rings
