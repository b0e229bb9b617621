from __future__ import annotations

import numpy as np

from ml.evaluation.measures.object_size import ObjectSizeCounts, missed_pixels
from roadmask.masks.taxonomy import CITYSCAPES

FLAT, HUMAN = CITYSCAPES.index("flat"), CITYSCAPES.index("human")


def street() -> tuple[np.ndarray, np.ndarray]:
    """100 x 100 pixels with people of 4, 4 and 200 pixels: one small one is missed, and a quarter
    of the large one."""
    truth = np.full((100, 100), FLAT, np.uint8)
    for top, left, height, width in ((5, 5, 2, 2), (5, 50, 2, 2), (40, 40, 20, 10)):
        truth[top : top + height, left : left + width] = HUMAN
    mask = truth.copy()
    mask[5:7, 5:7] = FLAT
    mask[40:45, 40:50] = FLAT
    return truth, mask


def test_small_objects_count_by_themselves() -> None:
    counts = ObjectSizeCounts(CITYSCAPES)
    counts.add(*street())
    assert counts.objects()["small"]["human"] == 2
    assert counts.objects()["large"] == {**counts.objects()["small"], "human": 1, "flat": 1}
    assert counts.found()["small"]["human"] == counts.accuracy()["small"]["human"] == 0.5
    assert (counts.found()["large"]["human"], counts.accuracy()["large"]["human"]) == (1, 0.75)
    assert counts.accuracy()["medium"]["mean"] is None


def test_only_pixels_of_missed_objects_are_marked() -> None:
    truth, mask = street()
    missed = missed_pixels(truth, mask, CITYSCAPES)
    assert missed.sum() == 4
    assert missed[5:7, 5:7].all()


def test_void_is_no_object_and_a_line_of_it_splits_one() -> None:
    truth, mask = street()
    truth[40:60, 44] = CITYSCAPES.void
    counts = ObjectSizeCounts(CITYSCAPES)
    counts.add(truth, mask)
    assert (counts.objects()["medium"]["human"], counts.objects()["large"]["human"]) == (1, 1)
    assert "void" not in counts.objects()["small"]
