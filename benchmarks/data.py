"""`python -m benchmarks.data`: throughput of the input pipeline, compared with the training."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import click

from benchmarks.harness.section import Section, median_and_range, options
from ml.cli.scenes import scenes
from ml.data.batches import Batches
from ml.data.samples import Pair, annotated_samples, dataset_name
from ml.recipes.recipe import Recipe
from ml.recipes.registry import RECIPES
from ml.training.learner import Learner
from roadmask.images.layouts import Sample

EXPLANATION = """
Images/s of a recipe's batches alone, with 1 and 2 workers; of its training step alone, on a batch
in memory; and of training on batches from the workers, interleaved. The data are fast enough if
`data over step`, for the faster number of workers, is well above 1, and if training on them is
about as fast as the step alone (`fed` near 1). Without a GPU, both share the cores. {count} images,
{source}. Ratios are taken within a repeat. Medians and ranges.
"""


@dataclass(frozen=True)
class Row:
    """Images per second of one repeat."""

    one: float
    two: float
    step: float
    fed: float


def endless(batches: Batches) -> Iterator[Pair]:
    """Batches of one epoch after another."""
    return (batch for epoch in cycle(range(1, 1000)) for batch in batches.epoch(epoch))


def data_rate(samples: list[Sample], recipe: Recipe, workers: int) -> float:
    """Images per second of the batches of one epoch, after the workers have started."""
    batches = Batches(samples, recipe, workers)
    next(batches.epoch(1))
    start = time.perf_counter()
    count = sum(len(images) for images, _ in batches.epoch(1))
    return count / (time.perf_counter() - start)


def step_rate(learner: Learner, batches: Iterator[Pair], steps: int) -> float:
    """Images per second of `steps` training steps, without the first batch."""
    images, truths = next(batches)
    float(learner.learn(images, truths))
    start, count = time.perf_counter(), 0
    for images, truths in islice(batches, steps):
        float(learner.learn(images, truths))
        count += len(images)
    return count / (time.perf_counter() - start)


def measure(recipe: Recipe, samples: list[Sample], repeats: int, steps: int) -> list[Row]:
    """All four measurements, interleaved, `repeats` times."""
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
        *(median_and_range(getattr(row, way) for row in rows) for way in ("one", "two", "step")),
        median_and_range((max(row.one, row.two) / row.step for row in rows), 1),
        median_and_range((row.fed / row.step for row in rows), 2),
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
    words = EXPLANATION.format(count=len(samples), source=source)
    head = ("recipe", "1 worker", "2 workers", "step alone", "data over step", "fed")
    Section("data", "The data of a training", words, head, rows).publish(out)


if __name__ == "__main__":
    main()
