"""`roadmask card`: prints and extends the card of an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.options.reading import reading_options

if TYPE_CHECKING:
    from roadmask.images.reading import Reading


@click.command()
@click.argument("artifact")
@click.option(
    "--measure",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure it on these annotated images, and add that.",
)
@click.option(
    "--conditions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure it on these images with 17 corruptions, and add that.",
)
@click.option("--choice", help="Write down why this model is shipped.")
@reading_options
def card(
    artifact: str,
    measure: tuple[Path, ...],
    conditions: Path | None,
    choice: str | None,
    reading: Reading,
) -> None:
    """Print the card of ARTIFACT (a name, a version, a folder or `default`), as JSON.

    With --measure, --conditions or --choice the card in the artifact's folder is written anew; a
    measurement takes the place of an older one on the same data. The model's file is not touched.
    """
    from ml.registry.artifact import find_artifact, find_comparable, write_card

    found = (find_comparable if measure or conditions else find_artifact)(artifact)
    if measure:
        # TensorFlow takes seconds to load: only when something is to be measured.
        from ml.training.publish import add_measurements

        found = add_measurements(found, measure, reading)
    if conditions is not None:
        from ml.training.publish import add_robustness

        found = add_robustness(found, conditions, reading)
    if choice is not None:
        found = write_card(found.path, found.card.model_copy(update={"choice": choice}))
    click.echo(found.card.model_dump_json(indent=2))
