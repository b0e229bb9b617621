"""`roadmask recalibrate`: an artifact as a new version, for another input size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml.cli.dataset import say_labels
from roadmask.cli.options.reading import reading_options

if TYPE_CHECKING:
    from roadmask.images.reading import Reading


@click.command()
@click.argument("artifact")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--val",
    "folders",
    required=True,
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Annotated images that it did not learn from; repeat.",
)
@click.option(
    "--budget",
    type=click.IntRange(1024),
    help="Pixels that the network sees of an image; by default as many as before.",
)
@click.option("--fast", type=click.IntRange(1024), help="The same for the quality `fast`.")
@reading_options
def recalibrate(
    artifact: str,
    out: Path,
    folders: tuple[Path, ...],
    budget: int | None,
    fast: int | None,
    reading: Reading,
) -> None:
    """Write ARTIFACT to the folder OUT as a new version: calibrated anew, for another input size.

    The temperature that makes its confidence true is fitted on the images of --val, and the card
    gets their scores in place of all others; `roadmask card` adds more. ARTIFACT stays as it is.
    """
    from ml.registry.artifact import find_comparable

    found = find_comparable(artifact)
    for folder in folders:
        say_labels(folder, reading)
    # TensorFlow takes seconds to load: only when the arguments are right.
    from ml.training.recalibration import recalibrate as write

    written = write(found, out, folders, budget=budget, fast=fast, reading=reading)
    click.echo(f"{written.model_version} in {out}")
