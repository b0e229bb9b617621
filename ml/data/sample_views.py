"""Sample views: the images of an epoch, their order, and how each is augmented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ml.recipes.recipe import Recipe

ANY, WHOLE = "any", "whole"
"""`ANY`: through all augmentations at random. `WHOLE`: only resized."""


class SampleView(NamedTuple):
    """One position of an epoch."""

    sample: int
    """Index of the sample."""
    through: str
    """`ANY`, `WHOLE`, or the name of one augmentation."""
    seed: int


def epoch_views(recipe: Recipe, samples: int, epoch: int, positions: int) -> Iterator[SampleView]:
    """The first `positions` views of an epoch over that many samples. They repeat after the last
    one.

    They depend on the recipe, the number of samples and the epoch alone. Epochs are counted from 1.
    """
    random = np.random.default_rng([recipe.seed, epoch])
    order = np.resize(random.permutation(count_views(recipe, samples)), positions)
    if recipe.augment_share:
        return _shared(recipe, samples, order.tolist())
    seeds = random.integers(2**31, size=positions).tolist()
    return (
        SampleView(sample, ANY, seed) for sample, seed in zip(order.tolist(), seeds, strict=True)
    )


def count_views(recipe: Recipe, samples: int) -> int:
    """Number of images in an epoch over that many samples, including generated ones."""
    return samples + round(samples * recipe.augment_share)


def _shared(recipe: Recipe, samples: int, order: list[int]) -> Iterator[SampleView]:
    """Whole images, then generated ones: of different samples, with the augmentations in turn."""
    # No epoch has the number 0: what is generated is the same in all of them.
    random = np.random.default_rng([recipe.seed, 0])
    chosen = random.permutation(samples)
    seeds = random.integers(2**31, size=samples)
    names = recipe.augmentations
    for index in order:
        if index < samples:
            yield SampleView(index, WHOLE, 0)
        else:
            turn = index - samples
            yield SampleView(int(chosen[turn]), names[turn % len(names)], int(seeds[turn]))
