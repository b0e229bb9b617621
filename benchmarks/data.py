"""`python -m benchmarks.data`: whether the data keep up with the training that they feed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import click

from benchmarks.section import Section, middle, options
from ml.cli.scenes import scenes
from ml.data.batches import Batches
from ml.data.samples import Pair, annotated_samples, dataset_name
from ml.learner import Learner
from ml.recipes.recipe import Recipe
from ml.recipes.registry import RECIPES
from roadmask.folders import Sample

WORDS = """
Images/s of a recipe's batches alone, with one and with two workers; of its training step alone, on
a batch in memory; and of training on streamed batches, in turns. Data are fast enough when they are
well above the step (`data over step`: the better of the two), and training on the stream is about
as fast as the step alone (`fed`): without a GPU both share the cores. {count} images, {source}.
Medians, and ranges; ratios are taken within a turn.
"""


@dataclass(frozen=True)
class Row:
    """Images per second of one repeat."""

    one: float
    two: float
    step: float
    fed: float


def endless(batches: Batches) -> Iterator[Pair]:
    """Epoch after epoch."""
    return (batch for epoch in cycle(range(1, 1000)) for batch in batches.epoch(epoch))


def data_rate(samples: list[Sample], recipe: Recipe, workers: int) -> float:
    """Images per second of one epoch's batches that nobody waits for, once the workers run."""
    batches = Batches(samples, recipe, workers)
    next(batches.epoch(1))
    begun = time.perf_counter()
    count = sum(len(images) for images, _ in batches.epoch(1))
    return count / (time.perf_counter() - begun)


def step_rate(learner: Learner, batches: Iterator[Pair], steps: int) -> float:
    """Images per second of that many training steps, the first batch not counted."""
    images, truths = next(batches)
    float(learner.learn(images, truths))
    begun, count = time.perf_counter(), 0
    for images, truths in islice(batches, steps):
        float(learner.learn(images, truths))
        count += len(images)
    return count / (time.perf_counter() - begun)


def measure(recipe: Recipe, samples: list[Sample], repeats: int, steps: int) -> list[Row]:
    """The four ways in turn, `repeats` times."""
    learner = Learner(recipe, 1000)
    batches = Batches(samples, recipe)
    kept = next(batches.epoch(1))
    step_rate(learner, cycle([kept]), 1)
    return [
        Row(
            data_rate(samples, recipe, 1),
            data_rate(samples, recipe, 2),
            step_rate(learner, cycle([kept]), steps),
            step_rate(learner, endless(batches), steps),
        )
        for _ in range(repeats)
    ]


def line(name: str, rows: list[Row]) -> tuple[str, ...]:
    """One line of the table; what is compared is compared within a repeat."""
    return (
        f"`{name}`",
        *(middle(getattr(row, way) for row in rows) for way in ("one", "two", "step")),
        middle((max(row.one, row.two) / row.step for row in rows), 1),
        middle((row.fed / row.step for row in rows), 2),
    )


@click.command()
@click.option("--recipe", "names", multiple=True, type=click.Choice(list(RECIPES)))
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--images", default=64, show_default=True, help="Scenes to render without --data.")
@click.option("--size", default="480x360", show_default=True, help="Size of the scenes.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--steps", default=8, show_default=True, help="Training steps of a repeat.")
@options
def main(
    names: tuple[str, ...],
    data: Path | None,
    images: int,
    size: str,
    repeats: int,
    steps: int,
    smoke: bool,
    out: Path | None,
) -> None:
    """Print the table."""
    if smoke:
        names, images, repeats, steps = ("unet_mini",), 16, 1, 1
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder:
        if data is None:
            scenes.main([folder, f"--count={images}", f"--size={size}"], standalone_mode=False)
        samples = annotated_samples(data or Path(folder))
        rows = [
            line(name, measure(RECIPES[name], samples, repeats, steps)) for name in names or RECIPES
        ]
    source = dataset_name(data) if data else f"scenes of {size}"
    words = WORDS.format(count=len(samples), source=source)
    head = ("recipe", "1 worker", "2 workers", "step alone", "data over step", "fed")
    Section("data", "The data of a training", words, head, rows).publish(out)


if __name__ == "__main__":
    main()
