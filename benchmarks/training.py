"""`python -m benchmarks.training`: the training step, compared with a plain float32 `fit`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from benchmarks.harness.section import Section, median_and_range, options
from ml.networks.batch_normalization import BatchNormalization
from ml.networks.registry import build_network
from ml.recipes.recipe import Recipe
from ml.recipes.registry import RECIPES
from ml.training.learner import Learner
from roadmask.masks.taxonomy import CITYSCAPES

EXPLANATION = """
Images/s of the recipe's training step (with its precision, frozen layers, losses and running
average of the weights) and of Keras' `fit` on the same network in float32, with Keras' own layers,
all of them trainable, cross-entropy and Adam. Both get the same images from memory, interleaved.
Ratios are taken within a repeat. Medians and ranges.
"""


def stock(layer: Any) -> Any:
    """The same layer from Keras: Roadmask has its own batch normalisation."""
    kind = keras.layers.BatchNormalization if isinstance(layer, BatchNormalization) else type(layer)
    return kind.from_config(layer.get_config())


def plain_fit(recipe: Recipe, images: Any, truths: Any) -> Callable[[], object]:
    """A plain `fit` over `images`, in batches of the recipe's size."""
    network = build_network(recipe.network, len(CITYSCAPES), "float32")
    model = keras.models.clone_model(network, clone_function=stock)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-4), loss)
    return lambda: model.fit(images, truths, batch_size=recipe.batch, epochs=1, verbose=0)


def seconds(run: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(recipe: Recipe, steps: int, repeats: int) -> list[tuple[float, float]]:
    """Images per second of our step and of the plain fit, for each repeat."""
    height, width = recipe.crop
    random = np.random.default_rng(1)
    count = recipe.batch * steps
    images = random.integers(0, 256, (count, height, width, 3), np.uint8)
    truths = random.integers(1, len(CITYSCAPES), (count, height, width), np.uint8)
    learner = Learner(recipe, 1000)
    fit = plain_fit(recipe, images, truths)

    def ours() -> None:
        for start in range(0, count, recipe.batch):
            chosen = slice(start, start + recipe.batch)
            float(learner.learn(images[chosen], truths[chosen]))

    ours()
    fit()
    return [(count / seconds(ours), count / seconds(fit)) for _ in range(repeats)]


@click.command()
@click.option("--recipe", "names", multiple=True, type=click.Choice(list(RECIPES)))
@click.option("--steps", default=4, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@options
def main(names: tuple[str, ...], steps: int, repeats: int, smoke: bool, out: Path | None) -> None:
    """Print the table."""
    if smoke:
        names, steps, repeats = ("unet_mini",), 1, 1
    rows = []
    for name in names or RECIPES:
        measured = measure(RECIPES[name], steps, repeats)
        ours, plain = ([rates[way] for rates in measured] for way in (0, 1))
        ratio = median_and_range((mine / other for mine, other in measured), 2)
        rows.append(
            (
                f"`{name}`",
                RECIPES[name].precision,
                median_and_range(ours, 2),
                median_and_range(plain, 2),
                ratio,
            )
        )
    head = ("recipe", "precision", "step, images/s", "`fit` in float32", "ratio")
    Section("training", "Training", EXPLANATION, head, rows).publish(out)


if __name__ == "__main__":
    main()
