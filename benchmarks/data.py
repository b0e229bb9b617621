"""`python -m benchmarks.data`: whether the data keep up with the training that they feed.

For every recipe, repeat by repeat and one after another: images per second of its batches alone,
with one and with two workers; of its training step alone, on a batch in memory; and of training on
streamed batches. Data are fast enough when their ratio to the step is well above 1, and training
on the stream is about as fast as the step alone: on a machine without a GPU both share the cores.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import click

from benchmarks.__main__ import processor
from ml.cli.scenes import scenes
from ml.data.batches import Batches
from ml.data.samples import Pair, annotated_samples
from ml.learner import Learner
from ml.recipes.recipe import Recipe
from ml.recipes.registry import RECIPES
from roadmask.folders import Sample


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


def table_line(name: str, rows: list[Row]) -> str:
    """The medians over the repeats; what is compared is compared within a repeat."""
    one, two, step = (median(getattr(row, way) for row in rows) for way in ("one", "two", "step"))
    ratio = median(max(row.one, row.two) / row.step for row in rows)
    fed = median(row.fed / row.step for row in rows)
    return f"{name:12}  {one:14.1f}  {two:10.1f}  {step:11.1f}  {ratio:10.1f}  {fed:15.2f}"


@click.command()
@click.option("--recipe", "names", multiple=True, type=click.Choice(list(RECIPES)))
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--images", default=64, show_default=True, help="Scenes to render without --data.")
@click.option("--size", default="480x360", show_default=True, help="Size of the scenes.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--steps", default=8, show_default=True, help="Training steps of a repeat.")
def main(
    names: tuple[str, ...], data: Path | None, images: int, size: str, repeats: int, steps: int
) -> None:
    """Print a table of images per second, medians over the repeats."""
    work = Path(tempfile.mkdtemp(prefix="roadmask-bench-"))
    try:
        if data is None:
            scenes.main([str(work), f"--count={images}", f"--size={size}"], standalone_mode=False)
        samples = annotated_samples(data or work)
        print(f"{len(samples)} images; {processor()}")
        print("recipe        data, 1 worker   2 workers   step alone   data/step   step fed/alone")
        for name in names or RECIPES:
            rows = measure(RECIPES[name], samples, repeats, steps)
            print(table_line(name, rows), flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
