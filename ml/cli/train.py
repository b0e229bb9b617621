"""`roadmask train`: a recipe and folders in, an artifact out."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ml.cli.dataset import say_labels
from ml.data.data_source import DataSource
from roadmask.cli.options.reading import reading_options

if TYPE_CHECKING:
    from roadmask.images.reading import Reading

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Source(click.ParamType[DataSource]):
    """A folder, and after a colon its weight if that is not 1."""

    name = "FOLDER[:WEIGHT]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> DataSource:
        """The folder and its weight."""
        words, weight = str(value), 1.0
        if not Path(words).is_dir():
            words, _, number = words.rpartition(":")
            try:
                weight = float(number)
            except ValueError:
                words = str(value)
        if not Path(words).is_dir() or not 0 < weight < math.inf:
            self.fail(f"{value!r} is not a folder, or a folder with a weight such as 0.5.", param)
        return DataSource(Path(words), weight)


class Weights(click.Path):
    """A file, or the word `none`."""

    def convert(self, value: Any, *context: Any) -> Any:
        """The word stays as it is."""
        return value if value == "none" else super().convert(value, *context)


@click.command()
@click.argument("recipe")
@click.option(
    "--data",
    required=True,
    multiple=True,
    type=Source(),
    help="Annotated images; repeat it to mix. With a weight of 0.5, half of them in each epoch.",
)
@click.option(
    "--val", "validation", multiple=True, type=FOLDER, help="Annotated images for validation."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run; one that was interrupted is resumed.",
)
@click.option(
    "--encoder",
    type=Weights(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE|none",
    help="What the encoder starts from; default: the weights that the recipe names.",
)
@click.option(
    "--fine-tune",
    "base",
    metavar="MODEL",
    help="Begin with the weights of this model: a shipped one by name, or an artifact's folder.",
)
@click.option("--name", help="Name of the artifact; default: that of the recipe.")
@click.option("--choice", default="", help="Why this model is shipped, for its card.")
@click.option("--smoke", is_flag=True, help="Run in seconds, to see that everything works.")
@click.option("--epochs", type=click.IntRange(1), help="Number of epochs, instead of the recipe's.")
@click.option("--batch", type=click.IntRange(1), help="Views in a step, instead of the recipe's.")
@click.option("--seed", type=int, help="Seed, instead of the recipe's.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a field of the recipe."
)
@click.option("--workers", type=click.IntRange(1), help="Processes that prepare the views.")
@click.option(
    "--exact", is_flag=True, help="One operation at a time, so that every run ends alike."
)
@reading_options
@click.option("--publish", is_flag=True, help="Publish the best epoch so far; do not train on.")
def train(
    recipe: str,
    data: tuple[DataSource, ...],
    validation: tuple[Path, ...],
    out: Path,
    encoder: Path | Literal["none"] | None,
    base: str | None,
    name: str | None,
    choice: str,
    smoke: bool,
    changes: tuple[str, ...],
    workers: int | None,
    exact: bool,
    publish: bool,
    reading: Reading,
    **numbers: int | None,
) -> None:
    """Train RECIPE and write the artifact to OUT/artifact.

    The same command again resumes a run that was interrupted, and publishes one that is finished
    once more. Changes of the recipe are kept with the run and stand in the card.
    """
    from ml.recipes.overrides import apply_overrides
    from ml.recipes.registry import find_recipe
    from ml.registry.artifact import find_comparable

    chosen = find_recipe(recipe)
    given = [f"{key}={value}" for key, value in numbers.items() if value is not None]
    if encoder == "none":
        given, encoder = [*given, "encoder=", "frozen=[]"], None
    chosen = apply_overrides(chosen.smoke() if smoke else chosen, [*given, *changes])
    if exact:
        os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    # TensorFlow takes seconds to load, and reads its surroundings then: only once the recipe is
    # known to be one.
    from ml.cli.interruption import Interruption
    from ml.cli.progress import TrainingProgress
    from ml.training import train as training
    from ml.training.training_run import Run

    for folder in dict.fromkeys([*(source.folder for source in data), *validation]):
        say_labels(folder, reading)
    run = Run(
        chosen,
        [replace(source, reading=reading) for source in data],
        validation,
        out,
        name or chosen.name,
        encoder,
        find_comparable(base) if base else None,
        choice,
        workers=workers,
        reading=reading,
    )
    if publish:
        artifact = training.publish_best(run)
    else:
        with TrainingProgress(chosen.epochs) as progress, Interruption() as interruption:
            artifact = training.train(run, progress.report, interruption)
    click.echo(f"{artifact.model_version} in {artifact.path}")
