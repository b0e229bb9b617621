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
_CHANCES = {"mirror": 0.5, "tilt": 0.25, "colour": 0.8}
_SPOILT = 0.2
"""Share of the views with a weather or a camera's weakness: one of those that the recipe names."""


class Augmentation:
    """Views of a recipe's crop size, and the same views of the truth. Thread-confined."""

    def __init__(self, recipe: Recipe) -> None:
        self._any = A.Compose(_by_chance(recipe))
        self._one = {
            name: A.Compose([*_sized(name, recipe), _transform(name, recipe, 1.0)])
            for name in recipe.augmentations
        }
        self._none = A.Compose([_whole(recipe)])

    def __call__(self, image: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int) -> Pair:
        """The view of (image, truth) that `seed` stands for: uint8 (h, w, 3) and uint8 (h, w)."""
        return _see(self._any, image, truth, seed)

    def through(
        self, name: str, image: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int
    ) -> Pair:
        """The view through the augmentation of that name alone."""
        return _see(self._one[name], image, truth, seed)

    def whole(self, image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Pair:
        """The whole image, as it is but for its size."""
        return _see(self._none, image, truth, 0)


def _see(views: A.Compose, image: NDArray[np.uint8], truth: NDArray[np.uint8], seed: int) -> Pair:
    views.set_random_seed(seed)
    view = views(image=image, mask=truth)
    return view["image"], view["mask"]


def _by_chance(recipe: Recipe) -> list[A.BasicTransform]:
    """Geometry first, then light, then what spoils a picture."""
    named = [name for name in ("mirror", "tilt", "colour") if name in recipe.augmentations]
    spoils = [name for name in ("fog", "rain", "blur", "noise") if name in recipe.augmentations]
    return [
        _crop(recipe) if "crop" in recipe.augmentations else _whole(recipe),
        *(_transform(name, recipe, _CHANCES[name]) for name in named),
        *([A.OneOf([_transform(n, recipe, 0.5) for n in spoils], p=_SPOILT)] if spoils else []),
    ]


def _sized(name: str, recipe: Recipe) -> list[A.BasicTransform]:
    return [] if name == "crop" else [_whole(recipe)]


def _transform(name: str, recipe: Recipe, chance: float) -> A.BasicTransform:
    match name:
        case "crop":
            return _crop(recipe)
        case "mirror":
            return A.HorizontalFlip(p=chance)
        case "tilt":
            return A.Affine(rotate=(-5, 5), fill_mask=CITYSCAPES.void, p=chance)
        case "colour":
            around = (0.6, 1.4)
            return A.ColorJitter(around, around, around, (-0.04, 0.04), p=chance)
        case "fog":
            return A.RandomFog(alpha_coef=0.08, p=chance)
        case "rain":
            return A.RandomRain(brightness_coefficient=0.85, p=chance)
        case "blur":
            return A.GaussianBlur(p=chance)
    return A.GaussNoise(p=chance)


def _crop(recipe: Recipe) -> A.BasicTransform:
    """A part of the image at about the scale the network meets when it serves."""
    height, width = recipe.crop
    aspect = width / height
    farthest, nearest = recipe.zoom
    served = height * width / recipe.budget
    return A.RandomResizedCrop(
        size=recipe.crop,
        scale=(min(1.0, served / nearest**2), min(1.0, served / farthest**2)),
        ratio=(aspect / _STRETCH, aspect * _STRETCH),
        interpolation=cv2.INTER_AREA,
    )


def _whole(recipe: Recipe) -> A.BasicTransform:
    return A.Resize(*recipe.crop, interpolation=cv2.INTER_AREA)
