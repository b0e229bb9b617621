from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.measures.distance import DistanceCounts
from roadmask.masks.taxonomy import CITYSCAPES

FLAT, SKY = CITYSCAPES.index("flat"), CITYSCAPES.index("sky")


def test_a_fault_in_the_corners_is_one_of_the_outer_third() -> None:
    truth = np.full((60, 80), FLAT, np.uint8)
    mask = truth.copy()
    mask[:4, :4] = mask[-4:, -4:] = SKY
    counts = DistanceCounts(CITYSCAPES)
    counts.add(truth, mask)
    found = counts.iou()
    assert found["inner"]["flat"] == found["middle"]["flat"] == 1
    y, x = np.mgrid[:60, :80] + 0.5
    outer = np.hypot(y - 30, x - 40) >= 50 * 2 / 3
    assert found["outer"]["flat"] == pytest.approx(1 - 32 / outer.sum())
    assert found["inner"]["human"] is None


def test_rings_are_those_of_the_image_whatever_its_size() -> None:
    counts = [DistanceCounts(CITYSCAPES) for _ in range(2)]
    for each, scale in zip(counts, (1, 4), strict=True):
        truth = np.full((60, 80), FLAT, np.uint8)
        mask = truth.copy()
        mask[20:40, 30:50] = SKY
        each.add(*(np.kron(m, np.ones((scale, scale), np.uint8)) for m in (truth, mask)))
    small, large = (each.iou() for each in counts)
    assert small["inner"]["flat"] == pytest.approx(large["inner"]["flat"], abs=0.02)
    assert small["outer"] == large["outer"]
