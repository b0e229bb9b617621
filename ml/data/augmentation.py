"""Augmentation: new views of a training image and its truth, by Albumentations.

Only training uses it. What an image does not cover is void in the truth, so it is never learnt.
"""

from __future__ import annotations

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from ml.data.samples import Pair
from ml.recipes.recipe import Recipe
from roadmask.categories import CITYSCAPES

_STRETCH = 1.15
"""How far a crop's aspect ratio may be from the recipe's, either way."""


class Augmentation:
    """A view of a recipe's crop size, and the same view of its truth. Thread-confined."""

    def __init__(self, recipe: Recipe) -> None:
        self._views = A.Compose([*_geometry(recipe), *_light()])

    def __call__(self, image: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int) -> Pair:
        """The view of (image, truth) that `seed` stands for: uint8 (h, w, 3) and uint8 (h, w)."""
        self._views.set_random_seed(seed)
        view = self._views(image=image, mask=truth)
        return view["image"], view["mask"]


def _geometry(recipe: Recipe) -> list[A.BasicTransform]:
    """Crop at about the scale the network meets when it serves; mirror; tilt."""
    height, width = recipe.crop
    aspect = width / height
    farthest, nearest = recipe.zoom
    served = height * width / recipe.budget
    return [
        A.RandomResizedCrop(
            size=recipe.crop,
            scale=(min(1.0, served / nearest**2), min(1.0, served / farthest**2)),
            ratio=(aspect / _STRETCH, aspect * _STRETCH),
            interpolation=cv2.INTER_AREA,
        ),
        A.HorizontalFlip(p=0.5),
        A.Affine(rotate=(-5, 5), fill_mask=CITYSCAPES.void, p=0.25),
    ]


def _light() -> list[A.BasicTransform]:
    """Other hours, weathers and cameras."""
    return [
        A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.04, 0.04), p=0.8),
        A.OneOf(
            [
                A.RandomFog(alpha_coef=0.08),
                A.RandomRain(brightness_coefficient=0.85),
                A.GaussianBlur(),
                A.GaussNoise(),
            ],
            p=0.2,
        ),
    ]
