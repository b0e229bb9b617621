"""Augmentation: new views of a training image and its truth, by Albumentations.

Only training uses it. What an image does not cover is void in the truth, so it is never learnt.
Images are brought to the size of a view as serving does it. They are shrunk before a condition and
enlarged after it, as a camera's picture is.
"""

from __future__ import annotations

import math
import random
from typing import Any

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from ml.data.conditions import CAMERA, LIGHT, condition
from ml.data.samples import Pair
from ml.inference.segmenter import resize
from ml.recipes.recipe import Recipe
from roadmask.masks.taxonomy import CITYSCAPES

_STRETCH = 1.15
"""Largest factor between a crop's aspect ratio and the recipe's, either way."""
_CHANCES = {"mirror": 0.5, "tilt": 0.25, "roll": 0.1, "lens": 0.1, "colour": 0.8}
"""Augmentations of geometry and colour, in this order."""


class Augmentation:
    """Makes views of a recipe's crop size, with their truths. One thread may use it."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._crops = "crop" in recipe.augmentations
        self._any = A.Compose(_by_chance(recipe))
        self._one = {
            name: A.Compose([_transform(name, 1.0)])
            for name in recipe.augmentations
            if name != "crop"
        }

    def __call__(self, image: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int) -> Pair:
        """The view of (image, truth) for `seed`: uint8 (h, w, 3) and uint8 (h, w), or (h, w, 1 + n)
        with soft labels.
        """
        if self._crops:
            part = _part(self._recipe, truth.shape[:2], random.Random(seed))
            image, truth = image[part], truth[part]
        height, width = self._recipe.crop
        if height * width < truth.shape[0] * truth.shape[1]:
            image, truth = self.whole(image, truth)
        return self.whole(*_view(self._any, image, truth, seed))

    def through(
        self, name: str, image: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int
    ) -> Pair:
        """The view through one named augmentation."""
        if name == "crop":
            part = _part(self._recipe, truth.shape[:2], random.Random(seed))
            return self.whole(image[part], truth[part])
        return _view(self._one[name], *self.whole(image, truth), seed)

    def whole(self, image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Pair:
        """The whole image and truth, resized and otherwise unchanged."""
        height, width = self._recipe.crop
        resized: NDArray[np.uint8] = cv2.resize(
            truth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
        )
        return resize(np.ascontiguousarray(image), self._recipe.crop), resized


def _view(
    transform: A.Compose, image: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int
) -> Pair:
    _seed(transform, random.Random(seed))
    view = transform(image=image, mask=truth)
    return view["image"], view["mask"]


def _seed(transform: Any, chance: random.Random) -> None:
    """Seed a transform and its parts, each with its own seed.

    Albumentations passes its seed on unchanged. All parts would then draw the same numbers, and a
    transform of probability 0.5 would always coincide with one of probability 0.2.
    """
    transform.set_random_seed(chance.getrandbits(31))
    if isinstance(transform, A.BaseCompose):
        for part in transform.transforms:
            _seed(part, chance)


def _part(recipe: Recipe, shape: tuple[int, ...], chance: random.Random) -> tuple[slice, slice]:
    """Rows and columns of a part of the image, at about the scale the network meets in service.

    The zoom is drawn evenly on a logarithmic scale. A part that would be larger than the image is
    as large as fits.
    """
    zoom = math.exp(chance.uniform(*map(math.log, recipe.zoom)))
    stretch = math.exp(chance.uniform(-1, 1) * math.log(_STRETCH) / 2)
    # Sides of the part in pixels of the image: the network sees `budget` pixels of a whole one.
    height, width = shape
    scale = math.sqrt(height * width / recipe.budget) / zoom
    sides = recipe.crop[0] * scale / stretch, recipe.crop[1] * scale * stretch
    fit = min(1.0, height / sides[0], width / sides[1])
    part = []
    for side, length in zip(sides, (height, width), strict=True):
        size = max(1, min(length, round(side * fit)))
        start = chance.randint(0, length - size)
        part.append(slice(start, start + size))
    return part[0], part[1]


def _by_chance(recipe: Recipe) -> list[A.BasicTransform]:
    """Geometry first, then colour, then weather and light, then what a camera loses."""
    named = [name for name in _CHANCES if name in recipe.augmentations]
    # Each of the two groups with the chance that gives `spoilt` together.
    each = 1 - math.sqrt(1 - recipe.spoilt)
    groups = [[n for n in group if n in recipe.augmentations] for group in (LIGHT, CAMERA)]
    return [
        *(_transform(name, _CHANCES[name]) for name in named),
        *(A.OneOf([_transform(n, 1.0) for n in group], p=each) for group in groups if group),
    ]


def _transform(name: str, chance: float) -> A.BasicTransform:
    match name:
        case "mirror":
            return A.HorizontalFlip(p=chance)
        case "tilt":
            return A.Affine(rotate=(-5, 5), fill_mask=CITYSCAPES.void, p=chance)
        case "roll":
            return A.Affine(rotate=(-15, 15), fill_mask=CITYSCAPES.void, p=chance)
        case "lens":
            return A.OpticalDistortion((-0.3, 0.3), fill_mask=CITYSCAPES.void, p=chance)
        case "colour":
            around = (0.6, 1.4)
            return A.ColorJitter(around, around, around, (-0.04, 0.04), p=chance)
    return condition(name, chance)
