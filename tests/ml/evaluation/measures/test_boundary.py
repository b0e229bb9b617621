from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.measures.boundary import BoundaryCounts
from roadmask.masks.taxonomy import CITYSCAPES

FLAT, VEHICLE = CITYSCAPES.index("flat"), CITYSCAPES.index("vehicle")


def street(left: int, right: int) -> np.ndarray:
    mask = np.full((40, 60), FLAT, np.uint8)
    mask[10:30, left:right] = VEHICLE
    return mask


def test_a_perfect_mask_has_one_and_a_category_that_does_not_occur_none() -> None:
    counts = BoundaryCounts(CITYSCAPES)
    counts.add(street(20, 40), street(20, 40))
    for each in counts.iou().values():
        assert each["vehicle"] == each["flat"] == each["mean"] == 1
        assert each["human"] is None


def test_a_shifted_side_counts_the_more_the_narrower_the_band() -> None:
    counts = BoundaryCounts(CITYSCAPES)
    counts.add(street(20, 40), street(20, 41))
    ious = [each["vehicle"] or 0.0 for each in counts.iou().values()]
    assert ious == sorted(ious)
    assert ious[0] < ious[-1] < 1


def test_by_hand_for_a_square_one_pixel_larger() -> None:
    """Band of 1 px: rings of 20 x 20 and of 20 x 21; three sides are shared."""
    counts = BoundaryCounts(CITYSCAPES, widths=(1,))
    counts.add(street(20, 40), street(20, 41))
    both = 20 + 2 * 19  # the left column, and top and bottom rows up to the old right side
    either = (4 * 20 - 4) + (2 * 21 + 2 * 20 - 4) - (20 + 2 * 19)
    assert counts.iou()[1]["vehicle"] == pytest.approx(both / either)


def test_void_truth_is_ignored_and_images_are_pooled() -> None:
    truth = street(20, 40)
    void = np.full_like(truth, CITYSCAPES.void)
    counts = BoundaryCounts(CITYSCAPES)
    counts.add(truth, truth)
    counts.add(void, street(5, 50))
    assert counts.iou()[1]["mean"] == 1
