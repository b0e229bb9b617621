from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.data.augmentation import Augmentation
from ml.inference.segmenter import resize
from ml.recipes.recipe import AUGMENTATIONS, GEOMETRY
from ml.recipes.registry import UNET_MINI
from roadmask.masks.taxonomy import CITYSCAPES

RECIPE = replace(UNET_MINI, crop=(64, 96), budget=64 * 128)
VEHICLE, FLAT = CITYSCAPES.index("vehicle"), CITYSCAPES.index("flat")


@pytest.fixture(scope="module")
def augmentation() -> Augmentation:
    """Without the conditions: brightness still names the category."""
    return Augmentation(replace(RECIPE, augmentations=(*GEOMETRY, "colour")))


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


def test_a_seed_is_a_view() -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (120, 200, 3), np.uint8)
    truth = random.integers(0, 8, (120, 200), np.uint8)
    augmentation = Augmentation(RECIPE)
    for seed in range(30):
        first = augmentation(image, truth, seed)
        other = augmentation(image, truth, seed + 1)
        again = Augmentation(RECIPE)(image, truth, seed)
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])
        assert not np.array_equal(first[0], other[0])


def smooth_street() -> tuple[np.ndarray, np.ndarray]:
    """Categories in broad blocks, and an image whose brightness tells them."""
    truth = np.random.default_rng(3).integers(1, 8, (3, 4), np.uint8)
    truth = truth.repeat(40, axis=0).repeat(50, axis=1)
    return (truth * 24)[..., None] + np.array([20, 0, -20], np.int16).astype(np.uint8), truth


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_one_augmentation_changes_the_image_and_only_geometry_the_truth(name: str) -> None:
    """The truth is that of the whole image unless the name is one of geometry."""
    image, truth = smooth_street()
    recipe = replace(RECIPE, augmentations=(name,), augment_share=0.5, zoom=(1.2, 1.6))
    augmentation = Augmentation(recipe)
    plain, mask = augmentation.whole(image, truth)
    moved = []
    for seed in range(5):
        view, seen = augmentation.through(name, image, truth, seed)
        assert view.shape == plain.shape
        assert not np.array_equal(view, plain), seed
        moved.append(not np.array_equal(seen, mask))
    assert any(moved) == (name in GEOMETRY)


def test_what_happens_by_chance_happens_independently() -> None:
    """Mirrored or not, about as many views are spoilt."""
    image, truth = smooth_street()
    names = ("mirror", "haze")
    augmentation = Augmentation(replace(RECIPE, augmentations=names, spoilt=0.75))
    _, mask = augmentation.whole(image, truth)
    spoilt: dict[bool, list[bool]] = {True: [], False: []}
    whole = augmentation.whole(image, truth)[0]
    for seed in range(300):
        view, seen = augmentation(image, truth, seed)
        mirrored = not np.array_equal(seen, mask)
        spoilt[mirrored].append(not np.array_equal(view, whole[:, ::-1] if mirrored else whole))
    assert 0.35 < len(spoilt[True]) / 300 < 0.65
    assert abs(np.mean(spoilt[True]) - np.mean(spoilt[False])) < 0.2


def test_mirror_is_the_mirrored_whole() -> None:
    image, truth = smooth_street()
    augmentation = Augmentation(replace(RECIPE, augmentations=("mirror",)))
    plain, mask = augmentation.whole(image, truth)
    view, seen = augmentation.through("mirror", image, truth, 1)
    np.testing.assert_array_equal(view, plain[:, ::-1])
    np.testing.assert_array_equal(seen, mask[:, ::-1])


@pytest.mark.parametrize("name", GEOMETRY)
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


def test_about_the_share_that_is_named_is_spoilt() -> None:
    image, truth = smooth_street()
    augmentation = Augmentation(replace(RECIPE, augmentations=("haze", "jpeg"), spoilt=0.5))
    plain, _ = augmentation.whole(image, truth)
    spoilt = [not np.array_equal(augmentation(image, truth, s)[0], plain) for s in range(300)]
    assert 0.4 < np.mean(spoilt) < 0.6


def test_a_view_is_resampled_as_in_service() -> None:
    """Both when it is enlarged and when it is shrunk."""
    random = np.random.default_rng(0)
    augmentation = Augmentation(replace(RECIPE, augmentations=()))
    for height, width in [(30, 50), (200, 300)]:
        image = random.integers(0, 256, (height, width, 3), np.uint8)
        view, _ = augmentation(image, np.ones((height, width), np.uint8), 0)
        np.testing.assert_array_equal(view, resize(image, RECIPE.crop))
