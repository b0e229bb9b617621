"""`roadmask evaluate`: scores of an artifact on a folder of annotated images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ml.artifact import Artifact
    from ml.card import Measurement


@click.command()
@click.argument("artifact")
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(artifact: str, dataset: Path, as_json: bool) -> None:
    """Measure ARTIFACT (a name, a folder or `default`) on the annotated images of DATASET.

    Masks are compared at the images' own size, void truth ignored, by the code that serves.
    """
    from ml.artifact import find_artifact

    found = find_artifact(artifact)
    # TensorFlow takes seconds to load: only once there is a model to load it for.
    from ml.evaluation import measure
    from ml.predictor import Predictor

    (measurement,) = measure(Predictor(found), [dataset], found.taxonomy)
    if as_json:
        _print_json(found, measurement)
    else:
        _print_table(found, measurement)


def _print_json(artifact: Artifact, measurement: Measurement) -> None:
    import json

    about = {"artifact": f"{artifact.name}@{artifact.version}", "dataset": measurement.dataset}
    click.echo(json.dumps(about | measurement.scores.model_dump(), indent=2))


def _print_table(artifact: Artifact, measurement: Measurement) -> None:
    from rich.console import Console
    from rich.table import Table

    scores = measurement.scores
    table = Table(
        title=f"{artifact.name}@{artifact.version} on {measurement.dataset}, {scores.images} images"
    )
    for heading in ("category", "IoU", "Dice", "pixels"):
        table.add_column(heading, justify="left" if heading == "category" else "right")
    for name, score in scores.per_category.items():
        table.add_row(name, _figure(score.iou), _figure(score.dice), f"{score.pixels:,}")
    table.add_section()
    table.add_row("mean", _figure(scores.mean_iou), _figure(scores.mean_dice), "")
    table.caption = f"pixel accuracy {_figure(scores.accuracy)}"
    Console().print(table)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
