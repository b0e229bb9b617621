"""`roadmask tune`: which engine serves an artifact best on this machine."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml.cli.dataset import exit_after
from roadmask.cli.options.reading import reading_options
from roadmask.settings import Settings

if TYPE_CHECKING:
    from ml.data.annotated import LeftOut, LoadedImage
    from ml.tuning.tuning_result import TuningResult
    from roadmask.images.reading import Reading


@click.command()
@click.argument("artifact")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of annotated images such as it will serve; else rendered scenes.",
)
@click.option(
    "--images",
    default=128,
    show_default=True,
    type=click.IntRange(2),
    help="Number of images, at most.",
)
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(1), help="Repeats of the timing."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reading_options
def tune(
    artifact: str,
    data: Path | None,
    images: int,
    repeats: int,
    as_json: bool,
    reading: Reading,
) -> None:
    """Find the fastest engine for ARTIFACT (a name, a version, a folder or `default`).

    Compiles its networks, int8 among them, and measures Keras in float32 and each of them side by
    side: images per second, and mean IoU on annotated images. The fastest that loses at most 0.3
    points against Keras is chosen. The choice is kept beside the compiled networks; workers that
    start from then on, and `roadmask evaluate`, use it. ROADMASK_ENGINE overrides it.

    Every second image, 32 at most, calibrates int8. The other half is measured. An image that
    cannot be read, or on which Keras fails, is named and left out, and so the exit code is 1. An
    engine that fails on an image on which Keras does not is not chosen.
    """
    from ml.registry.artifact import find_comparable
    from ml.tuning.tuner import Tuner

    found = find_comparable(artifact)
    annotated, name, left_out = _images(data, images, reading)
    tuner = Tuner(found, Settings(), lambda step: click.echo(step, err=True))
    tuning = tuner.run(annotated, name, repeats, left_out)
    if as_json:
        click.echo(tuning.model_dump_json(indent=2))
    else:
        _print(str(found.model_version), tuning)
    exit_after(left_out)


def _images(
    data: Path | None, count: int, reading: Reading
) -> tuple[list[LoadedImage], str, list[LeftOut]]:
    """The images, the name of their dataset, and those that cannot be read."""
    from ml.data.annotated import LoadedImage, from_samples
    from ml.data.samples import annotated_samples, dataset_name
    from ml.scenes import render

    if data is not None:
        # Spread over the whole folder: neighbours are often frames of one video.
        samples = annotated_samples(data, reading)
        chosen = samples[:: -(-len(samples) // count)]
        found = from_samples(chosen, dataset_name(data))
        return list(found.load()), found.name, found.left_out
    click.echo("rendering scenes", err=True)
    scenes = islice(map(render, range(1_000_000, 2_000_000)), count)
    rendered = [
        LoadedImage(f"scene {number}", scene.image, scene.truth, 0.0)
        for number, scene in enumerate(scenes)
    ]
    return rendered, "rendered scenes", []


def _print(name: str, tuning: TuningResult) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{name} on {tuning.images} images of {tuning.data}")
    table.add_column("engine", min_width=14)
    for heading in ("images/s", "times Keras", "same pixels", "mean IoU", "points lost", ""):
        table.add_column(heading, justify="right")
    for trial in tuning.trials:
        cells: tuple[Any, ...] = (
            f"{trial.images_per_s:.2f}",
            f"{trial.speed_up:.2f}",
            f"{trial.agreement:.2%}",
            f"{trial.mean_iou:.4f}",
            f"{100 * trial.loss:.2f}",
            "chosen" if trial.engine == tuning.engine else "" if trial.close else "loses too much",
        )
        table.add_row(trial.engine, *cells)
    Console(markup=False).print(table)
