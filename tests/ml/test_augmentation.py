from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.data.augmentation import Augmentation
from ml.recipes.recipe import AUGMENTATIONS
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


def smooth_street() -> tuple[np.ndarray, np.ndarray]:
    """Categories in broad blocks, and an image whose brightness tells them."""
    truth = np.random.default_rng(3).integers(1, 8, (3, 4), np.uint8)
    truth = truth.repeat(40, axis=0).repeat(50, axis=1)
    return (truth * 24)[..., None].repeat(3, axis=2), truth


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_one_augmentation_changes_the_image_and_only_geometry_the_truth(name: str) -> None:
    """The truth is that of the whole image unless the name is one of geometry."""
    image, truth = smooth_street()
    augmentation = Augmentation(replace(RECIPE, augmentations=(name,), augment_share=0.5))
    plain, mask = augmentation.whole(image, truth)
    for seed in range(5):
        view, seen = augmentation.through(name, image, truth, seed)
        assert view.shape == plain.shape
        assert not np.array_equal(view, plain), seed
        assert np.array_equal(seen, mask) == (name not in ("crop", "mirror", "tilt")), seed


def test_mirror_is_the_mirrored_whole() -> None:
    image, truth = smooth_street()
    augmentation = Augmentation(replace(RECIPE, augmentations=("mirror",)))
    plain, mask = augmentation.whole(image, truth)
    view, seen = augmentation.through("mirror", image, truth, 1)
    np.testing.assert_array_equal(view, plain[:, ::-1])
    np.testing.assert_array_equal(seen, mask[:, ::-1])


@pytest.mark.parametrize("name", ["crop", "mirror", "tilt"])
def test_geometry_moves_image_and_truth_alike(name: str) -> None:
    """The brightness of a view, away from edges, still names its category."""
    image, truth = smooth_street()
    augmentation = Augmentation(replace(RECIPE, augmentations=(name,)))
    for seed in range(20):
        view, seen = augmentation.through(name, image, truth, seed)
        told = np.rint(view.mean(axis=2) / 24).astype(np.uint8)
        assert (told == seen)[seen != CITYSCAPES.void].mean() > 0.9, seed


def test_by_chance_only_what_is_named_happens() -> None:
    image, truth = smooth_street()
    augmentation = Augmentation(replace(RECIPE, augmentations=("mirror",)))
    plain, _ = augmentation.whole(image, truth)
    views = {augmentation(image, truth, seed)[0].tobytes() for seed in range(30)}
    assert views == {plain.tobytes(), plain[:, ::-1].tobytes()}
