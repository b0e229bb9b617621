from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from tests.harness.ml.street_folder import draw_street

GEOMETRY = ("barrel", "roll", "portrait")


def test_there_are_seventeen() -> None:
    assert len(CORRUPTIONS) == 17


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_severe_one_is_farther_from_the_image_and_only_geometry_moves_the_truth(
    name: str,
) -> None:
    image, truth = draw_street(1, 120, 160)
    distances: list[float] = []
    for severity in SEVERITIES:
        changed, moved = CORRUPTIONS[name].apply(image, truth, severity, "street")
        assert changed.dtype == moved.dtype == np.uint8
        assert changed.shape[:2] == moved.shape
        if name in GEOMETRY:
            assert moved.shape != truth.shape or not np.array_equal(moved, truth)
            labelled = np.count_nonzero(moved)
            distances.append(1 - labelled / truth.size)
        else:
            np.testing.assert_array_equal(moved, truth)
            distances.append(float(np.abs(changed.astype(float) - image).mean()))
    assert 0 < distances[0] < distances[1]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_line_of_pixels_is_an_image_too(name: str) -> None:
    for shape in ((1, 1), (1, 50), (50, 1)):
        for severity in SEVERITIES:
            image, truth = np.full((*shape, 3), 90, np.uint8), np.ones(shape, np.uint8)
            changed, moved = CORRUPTIONS[name].apply(image, truth, severity, "line")
            assert changed.shape[:2] == moved.shape
            assert changed.size


@pytest.mark.parametrize("name", ["barrel", "roll"])
def test_image_and_truth_move_together(name: str) -> None:
    truth = np.ones((120, 160), np.uint8)
    truth[40:80, 50:110] = 7
    image = np.where(truth == 7, 230, 40).astype(np.uint8)[..., None].repeat(3, axis=2)
    changed, moved = CORRUPTIONS[name].apply(image, truth, "severe", "street")
    bright = changed.mean(axis=2) > 135
    assert (bright == (moved == 7))[moved != 0].mean() > 0.98


def test_the_same_image_is_corrupted_alike_and_another_one_otherwise() -> None:
    image, truth = draw_street(1)
    noise = CORRUPTIONS["noise"]
    first, _ = noise.apply(image, truth, "mild", "a")
    again, _ = noise.apply(image, truth, "mild", "a")
    other, _ = noise.apply(image, truth, "mild", "b")
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
