"""`roadmask ingest`: a folder of images, with truth, into a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.exits import Exit
from roadmask.cli.service import connect, connection

if TYPE_CHECKING:
    from roadmask.client import Client


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dataset", required=True, help="Name of the dataset; ids become `DATASET/name`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary on stdout.")
@connection
@click.pass_context
def ingest(
    ctx: click.Context,
    folder: Path,
    dataset: str,
    as_json: bool,
    url: str | None,
    api_key: str | None,
) -> None:
    """Put a folder of images, with annotated masks where there are any, into a dataset.

    Understands the folders of Cityscapes and CamVid and plain `images/` beside `masks/`. What
    the service has is not sent again: after an interruption run the same command.
    """
    with connect(url, api_key) as client:
        counts = ingest_with_meter(client, folder, dataset)
    if as_json:
        click.echo(json.dumps({"dataset": dataset, **counts}))
    else:
        click.echo(
            f"{counts['registered']} images in {dataset} ({counts['with_truth']} with truth, "
            f"{counts['sent']} sent), {counts['failed']} failed."
        )
    ctx.exit(Exit.FAILURES if counts["failed"] else Exit.OK)


def ingest_with_meter(client: Client, folder: Path, dataset: str) -> dict[str, int]:
    """Ingest and show how far it is; the counts of what was done."""
    from roadmask.cli.meter import Meter
    from roadmask.ingest import ingest as ingest_folder

    total, images = ingest_folder(client, folder, dataset)
    counts = dict.fromkeys(("registered", "with_truth", "sent", "failed"), 0)
    with Meter("ingesting") as meter:
        for done, image in enumerate(images, 1):
            counts["sent"] += image.sent
            if image.error is None:
                counts["registered"] += 1
                counts["with_truth"] += image.has_truth
            else:
                counts["failed"] += 1
                meter.say(f"failed: {image.sample.image}: {image.error.detail}")
            meter.show(done, total)
    return counts
