from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.data.augmentation import Augmentation
from ml.recipes.registry import UNET_MINI
from roadmask.categories import CITYSCAPES

RECIPE = replace(UNET_MINI, crop=(64, 96), budget=64 * 128)
VEHICLE, FLAT = CITYSCAPES.index("vehicle"), CITYSCAPES.index("flat")


@pytest.fixture(scope="module")
def augmentation() -> Augmentation:
    return Augmentation(RECIPE)


def test_image_and_truth_stay_together(augmentation: Augmentation) -> None:
    truth = np.full((120, 200), FLAT, np.uint8)
    truth[20:70, 30:90] = VEHICLE
    image = np.where(truth == VEHICLE, 230, 40).astype(np.uint8)[..., None].repeat(3, axis=2)
    for seed in range(60):
        view, mask = augmentation(image, truth, seed)
        assert view.shape == (64, 96, 3)
        assert mask.shape == (64, 96)
        bright = view.mean(axis=2)
        if (mask == VEHICLE).any() and (mask == FLAT).any():
            middle = (bright[mask == VEHICLE].mean() + bright[mask == FLAT].mean()) / 2
            agree = (bright > middle) == (mask == VEHICLE)
            assert agree[mask != CITYSCAPES.void].mean() > 0.93, seed


def test_what_the_image_does_not_cover_is_void(augmentation: Augmentation) -> None:
    truth = np.full((120, 200), VEHICLE, np.uint8)
    image = np.full((120, 200, 3), 200, np.uint8)
    uncovered = 0
    for seed in range(60):
        view, mask = augmentation(image, truth, seed)
        assert set(np.unique(mask)) <= {CITYSCAPES.void, VEHICLE}
        black = view.max(axis=2) < 20
        assert (mask[black] == CITYSCAPES.void).mean() > 0.9 if black.sum() > 40 else True
        uncovered += bool((mask == CITYSCAPES.void).any())
    assert uncovered > 3


def test_scales_surround_that_of_serving() -> None:
    """A column ruler: neighbours in the view are as far apart as the zoom says."""
    recipe = replace(RECIPE, zoom=(0.7, 1.6), budget=4 * 64 * 96)
    ruler = np.linspace(0, 250, 400)[None].repeat(300, axis=0).astype(np.uint8)
    image = ruler[..., None].repeat(3, axis=2)
    geometry = Augmentation(recipe)
    spans = [np.ptp(geometry(image, np.ones_like(ruler), s)[0][32].mean(-1)) for s in range(60)]
    assert max(spans) / min(spans) > 1.5


def test_a_seed_is_a_view(augmentation: Augmentation) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (120, 200, 3), np.uint8)
    truth = random.integers(0, 8, (120, 200), np.uint8)
    first = augmentation(image, truth, 5)
    other = augmentation(image, truth, 6)
    again = Augmentation(RECIPE)(image, truth, 5)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
