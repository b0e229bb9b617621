"""`roadmask study`: its eight rows under one protocol, and the page with their table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml.cli.scenes import render_scenes
from ml.cli.train import FOLDER
from roadmask.atomic import replacing
from roadmask.cli.options.reading import reading_options

if TYPE_CHECKING:
    from roadmask.images.reading import Reading


@click.command()
@click.option("--data", multiple=True, type=FOLDER, help="Annotated images to learn from.")
@click.option("--val", "validation", type=FOLDER, help="Images to be measured on.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the runs; one that was interrupted is resumed.",
)
@click.option(
    "--encoder",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of the weights that VGG16 encoders start from.",
)
@click.option("--rows", default="", help="Only these rows, as in unet_mini,kl; default: all.")
@click.option("--epochs", type=click.IntRange(1), help="At most; default: the protocol's.")
@click.option(
    "--docs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of study.md and its plots; default: that of the runs.",
)
@click.option(
    "--smoke", is_flag=True, help="All in about a minute, on rendered scenes if no --data is given."
)
@reading_options
def study(
    data: tuple[Path, ...],
    validation: Path | None,
    out: Path,
    encoder: Path | None,
    rows: str,
    epochs: int | None,
    docs: Path | None,
    smoke: bool,
    reading: Reading,
) -> None:
    """Run the study and write its page from the rows there are.

    Every row is a run in OUT. The same command again goes on with what is not finished.
    """
    from ml.study.rows import find_rows, protocol_for

    chosen = find_rows(rows)
    if smoke and not data:
        data, validation = _scenes(out / "scenes")
    if not data or validation is None:
        raise click.UsageError("Name folders of annotated images with --data and --val.")
    # TensorFlow takes seconds to load: only once the command makes sense.
    from ml.cli.interruption import Interruption
    from ml.cli.progress import TrainingProgress
    from ml.study.report import write_page
    from ml.study.study import Study, image_size

    protocol = protocol_for(*image_size(data[0], reading), epochs, smoke)
    whole = Study(protocol, data, validation, out, reading, encoder)
    done = whole.outcomes()
    for number, row in enumerate(chosen, 1):
        click.echo(f"row {number} of {len(chosen)}: {row.title}", err=True)
        if row.name not in done:
            with TrainingProgress(protocol.epochs) as progress, Interruption() as interruption:
                whole.run(row, progress.report, interruption)
        page = write_page(whole.outcomes(), protocol, docs or out)
    click.echo(f"{len(whole.outcomes())} rows in {page}")


def _scenes(folder: Path) -> tuple[tuple[Path], Path]:
    """Folders of a few rendered scenes, to learn from and to be measured on."""
    train, val = folder / "train", folder / "val"
    for part, count, seed in ((train, 8, 1), (val, 2, 1001)):
        if not part.exists():
            with replacing(part) as draft:
                render_scenes(draft, count, seed, (96, 72), png=True)
    return (train,), val
