"""`roadmask card`: what an artifact says of itself, and more that can be said of it."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("artifact")
@click.option(
    "--measure",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure it on these annotated images, and add that.",
)
@click.option("--choice", help="Write down why this model is shipped.")
def card(artifact: str, measure: tuple[Path, ...], choice: str | None) -> None:
    """Print the card of ARTIFACT (a name, a version, a folder or `default`), as JSON.

    With --measure or --choice the card in the artifact's folder is written anew; a measurement
    takes the place of an older one on the same data. The model's file is not touched.
    """
    from ml.artifact import find_artifact, write_card

    found = find_artifact(artifact)
    if measure:
        # TensorFlow takes seconds to load: only when something is to be measured.
        from ml.publication import add_measurements

        found = add_measurements(found, measure)
    if choice is not None:
        found = write_card(found.path, found.card.model_copy(update={"choice": choice}))
    click.echo(found.card.model_dump_json(indent=2))
