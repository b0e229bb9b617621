"""`roadmask train`: a recipe and folders in, an artifact out."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("recipe")
@click.option("--data", required=True, multiple=True, type=FOLDER, help="Annotated images.")
@click.option("--val", "validation", multiple=True, type=FOLDER, help="Images to be measured on.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run; one that was interrupted is resumed.",
)
@click.option(
    "--encoder",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of the weights that the recipe's encoder starts from.",
)
@click.option("--name", help="Name of the artifact; default: that of the recipe.")
@click.option("--smoke", is_flag=True, help="Run in seconds, to see that everything works.")
def train(
    recipe: str,
    data: tuple[Path, ...],
    validation: tuple[Path, ...],
    out: Path,
    encoder: Path | None,
    name: str | None,
    smoke: bool,
) -> None:
    """Train RECIPE and write the artifact to OUT/artifact.

    The same command again resumes a run that was interrupted.
    """
    from ml.recipes.registry import find_recipe

    chosen = find_recipe(recipe)
    # TensorFlow takes seconds to load: only once the recipe is known to be one.
    from ml.cli.progress import TrainingProgress
    from ml.training import Run
    from ml.training import train as run_training

    recipe_run = chosen.smoke() if smoke else chosen
    run = Run(recipe_run, data, validation, out, name or chosen.name, encoder)
    with TrainingProgress(run.recipe.epochs) as progress:
        artifact = run_training(run, progress.report)
    click.echo(f"{artifact.name}@{artifact.version} in {artifact.path}")
