"""Precision: the fastest arithmetic for training on this machine."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median
from typing import cast, get_args

import numpy as np

from ml.recipes.recipe import Precision, Recipe
from ml.training.learner import Learner

PRECISIONS = tuple(name for name in get_args(Precision) if name != "auto")
_ROUNDS = 5


def measure_precisions(recipe: Recipe) -> dict[str, float]:
    """Median milliseconds of a training step in each precision, measured in turns on noise."""
    random = np.random.default_rng(recipe.seed)
    shape = (recipe.batch, *recipe.crop)
    images = random.integers(0, 256, (*shape, 3), np.uint8)
    truths = random.integers(0, 8, shape, np.uint8)
    learners = {name: Learner(replace(recipe, precision=name), 1) for name in PRECISIONS}
    for learner in learners.values():
        learner.learn(images, truths)  # The first step is traced.
    times: dict[str, list[float]] = {name: [] for name in PRECISIONS}
    for _ in range(_ROUNDS):
        for name, learner in learners.items():
            begun = time.perf_counter()
            learner.learn(images, truths)
            times[name].append(1000 * (time.perf_counter() - begun))
    return {name: round(median(spent), 1) for name, spent in times.items()}


def resolve_precision(recipe: Recipe, precision_ms: dict[str, float]) -> Recipe:
    """The recipe with a definite precision: the fastest of the measured ones if it says `auto`."""
    if recipe.precision != "auto":
        return recipe
    fastest = min(precision_ms, key=lambda name: precision_ms[name])
    return replace(recipe, precision=cast(Precision, fastest))


def describe_precision(recipe: Recipe, precision_ms: dict[str, float]) -> str:
    """The precision of a resolved recipe, with the measured times."""
    times = ", ".join(f"{name} {spent:.0f} ms a step" for name, spent in precision_ms.items())
    return f"{recipe.precision} ({times})" if times else recipe.precision
