"""`roadmask download`: a dataset of the service into a folder of images and annotated masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.connection import connect, connection
from roadmask.exit_codes import Exit

if TYPE_CHECKING:
    from roadmask.client.client import Client


@click.command()
@click.argument("dataset")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--annotated", is_flag=True, help="Leave out images without an annotated mask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary on stdout.")
@connection
@click.pass_context
def download(
    ctx: click.Context,
    dataset: str,
    out: Path,
    annotated: bool,
    as_json: bool,
    url: str | None,
    api_key: str | None,
) -> None:
    """Write the images of DATASET into OUT/images, and their annotated masks into OUT/masks.

    Corrections of the page are among the masks. `ingest`, `train` and `evaluate` read the folder.
    Files that are there already are not fetched again: after an interruption run the same command.

    Exit codes: 0 all images are in the folder, 1 some failed.
    """
    with connect(url, api_key) as client:
        counts, pixels = _download_with_progress(client, dataset, out, annotated)
    if as_json:
        click.echo(json.dumps({"dataset": dataset, **counts, "pixels": pixels}))
    else:
        say(
            f"{counts['images']} images in {out} ({counts['with_truth']} with truth, "
            f"{counts['fetched']} fetched), {counts['failed']} failed."
        )
        for each in pixels:
            say(f"To read the images, say --pixels {each}, as their dataset does.")
    ctx.exit(Exit.FAILURES if counts["failed"] else Exit.OK)


def _download_with_progress(
    client: Client, dataset: str, out: Path, annotated: bool
) -> tuple[dict[str, int], list[str]]:
    """Download with a progress display; the counts of the images, and what is said of them."""
    from roadmask.cli.display.progress import ProgressDisplay
    from roadmask.folder.dataset.download import download, find_dataset

    facts = find_dataset(client, dataset)
    total = facts.with_truth if annotated else facts.images
    counts = dict.fromkeys(("images", "with_truth", "fetched", "failed"), 0)
    pixels: set[str] = set()
    with ProgressDisplay("downloading") as display:
        display.update(0, total)
        for done, each in enumerate(download(client, dataset, out, annotated=annotated), 1):
            if each.error is None:
                counts["images"] += 1
                counts["with_truth"] += each.image.truth_sha256 is not None
                counts["fetched"] += each.fetched
                pixels |= {str(each.image.pixels)} if each.image.pixels else set()
            else:
                counts["failed"] += 1
                display.print(f"failed: {each.image.id}: {each.error}")
            display.update(done, max(total, done))
    return counts, sorted(pixels)
