"""Views: which images an epoch is made of, seen in which way, in which order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ml.recipes.recipe import Recipe

ANY, WHOLE = "any", "whole"
"""Through the augmentations by chance; as it is but for its size."""


class View(NamedTuple):
    """One position of an epoch."""

    sample: int
    """Index of the sample."""
    through: str
    """`ANY`, `WHOLE`, or the name of one augmentation."""
    seed: int


def views(recipe: Recipe, samples: int, epoch: int, positions: int) -> list[View]:
    """The first `positions` views of an epoch over that many samples; begun anew when they end.

    They depend on the recipe, the number of samples and the epoch alone.
    """
    random = np.random.default_rng([recipe.seed, epoch])
    if recipe.augment_share:
        every = [View(sample, WHOLE, 0) for sample in range(samples)]
        every += _generated(recipe, samples)
        return [every[index] for index in np.resize(random.permutation(len(every)), positions)]
    order = np.resize(random.permutation(samples), positions).tolist()
    seeds = random.integers(2**31, size=positions).tolist()
    return [View(sample, ANY, seed) for sample, seed in zip(order, seeds, strict=True)]


def count_views(recipe: Recipe, samples: int) -> int:
    """Images in an epoch over that many samples, generated ones included."""
    return samples + round(samples * recipe.augment_share)


def _generated(recipe: Recipe, samples: int) -> list[View]:
    """The share of generated images: of different samples, the augmentations in turn."""
    # Epochs are counted from 1: their draws are others.
    random = np.random.default_rng([recipe.seed, 0])
    chosen = random.permutation(samples)[: count_views(recipe, samples) - samples].tolist()
    seeds = random.integers(2**31, size=len(chosen)).tolist()
    names = recipe.augmentations
    return [
        View(sample, names[turn % len(names)], seed)
        for turn, (sample, seed) in enumerate(zip(chosen, seeds, strict=True))
    ]
