"""Breakdown: where in an image a mask is right: near outlines, by object size, by distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.measures.boundary import BoundaryCounts
from ml.evaluation.measures.distance import DistanceCounts
from ml.evaluation.measures.object_size import ObjectSizeCounts
from roadmask.masks.taxonomy import Taxonomy

FIGURES = {
    "boundary_iou": "boundary IoU, {} px",
    "iou_by_distance": "IoU, {} third",
    "accuracy_by_size": "accuracy, {} objects",
    "found_by_size": "found, {} objects",
}
"""Tables of `summarize` whose figures are means over categories, and how a row of each is named."""


class Breakdown:
    """Counts masks by where their pixels are. Void truth is ignored."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._boundary = BoundaryCounts(taxonomy)
        self._distance = DistanceCounts(taxonomy)
        self._sizes = ObjectSizeCounts(taxonomy)

    def add(self, truth: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """Count one image: truth and mask (H, W)."""
        for each in (self._boundary, self._distance, self._sizes):
            each.add(truth, mask)

    def summarize(self) -> dict[str, Any]:
        """A table of each measure by category, with the `mean` over those that occur."""
        return {
            "boundary_iou": self._boundary.iou(),
            "iou_by_distance": self._distance.iou(),
            "accuracy_by_size": self._sizes.accuracy(),
            "found_by_size": self._sizes.found(),
            "objects_by_size": self._sizes.objects(),
        }


def mean_figures(tables: dict[str, Any]) -> dict[str, float | None]:
    """The means of `Breakdown.summarize`, each under the name of its row."""
    return {
        name.format(part): row["mean"]
        for table, name in FIGURES.items()
        for part, row in tables[table].items()
    }
