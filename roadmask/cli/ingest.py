"""`roadmask ingest`: a folder of images, with annotated masks, into a dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.connection import connect, connection
from roadmask.cli.options.reading import reading_options
from roadmask.exit_codes import Exit

if TYPE_CHECKING:
    from roadmask.client.client import Client
    from roadmask.images.layouts import DatasetFolder, Sample
    from roadmask.images.reading import Reading

EXAMPLES = 5
"""Images that a dry run shows."""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dataset", required=True, help="Name of the dataset; ids become `DATASET/name`.")
@reading_options
@click.option("--dry-run", is_flag=True, help="Print what would be taken for what; send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary on stdout.")
@connection
@click.pass_context
def ingest(
    ctx: click.Context,
    folder: Path,
    dataset: str,
    reading: Reading,
    dry_run: bool,
    as_json: bool,
    url: str | None,
    api_key: str | None,
) -> None:
    """Add a folder of images to a dataset, with their annotated masks if it has any.

    The layouts of public data sets are known (Cityscapes, KITTI, BDD100K, Mapillary, VOC, CVAT and
    others), and images beside masks of like names. The label map is found from all masks
    together, or named with --labels; --dry-run shows it. Bytes that the service has are not sent
    again: after an interruption run the same command.

    Exit codes: 0 all images are in the dataset, 1 some images or folders failed, 2 the folder is
    refused, because its labels are not clear, or there are masks and none belongs to an image.
    """
    from roadmask.images.layouts import read_folder

    found = read_folder(folder, reading)
    if dry_run:
        _show(found, dataset)
    for note in found.notes():
        say(note, err=not dry_run)
    found.check_matched()
    if dry_run:
        ctx.exit(Exit.FAILURES if found.skipped.unreadable else Exit.OK)
    say(f"Masks are read as {_label_names(found)}.", err=True)
    with connect(url, api_key) as client:
        counts = ingest_with_progress(client, found.samples, dataset)
    if as_json:
        click.echo(json.dumps({"dataset": dataset, **counts, **_left(found)}))
    else:
        say(
            f"{counts['registered']} images in {dataset} ({counts['with_truth']} with truth, "
            f"{counts['sent']} sent), {counts['failed']} failed."
        )
    ctx.exit(Exit.FAILURES if counts["failed"] or found.skipped.unreadable else Exit.OK)


def ingest_with_progress(client: Client, samples: Sequence[Sample], dataset: str) -> dict[str, int]:
    """Ingest with a progress display; the counts of the images."""
    from roadmask.cli.display.progress import ProgressDisplay
    from roadmask.folder.dataset.ingest import ingest as ingest_folder

    images = ingest_folder(client, samples, dataset)
    counts = dict.fromkeys(("registered", "with_truth", "sent", "failed"), 0)
    with ProgressDisplay("ingesting") as display:
        display.update(0, len(samples))
        for done, image in enumerate(images, 1):
            counts["sent"] += image.sent
            if image.error is None:
                counts["registered"] += 1
                counts["with_truth"] += image.has_truth
            else:
                counts["failed"] += 1
                display.print(f"failed: {image.sample.image}: {image.error.detail}")
            display.update(done, len(samples))
    return counts


def _show(found: DatasetFolder, dataset: str) -> None:
    """Print the layout, the label maps, and some images with their ids and masks."""
    for layout in found.layouts:
        say(layout)
    say(f"Masks are read as {_label_names(found)}.")
    # With a mask first: they show how names were matched.
    for sample in sorted(found.samples, key=lambda sample: sample.truth is None)[:EXAMPLES]:
        mask = sample.truth.relative_to(sample.truth.anchor) if sample.truth else None
        if sample.truth and sample.truth.is_relative_to(found.folder):
            mask = sample.truth.relative_to(found.folder)
        say(f"  {sample.filename} -> {dataset}/{sample.name}, mask: {mask or 'none'}")
    if len(found.samples) > EXAMPLES:
        say(f"  and {len(found.samples) - EXAMPLES:,} more images")


def _label_names(found: DatasetFolder) -> str:
    return "; ".join(dict.fromkeys(map(str, found.labels))) or "nothing: there are none"


def _left(found: DatasetFolder) -> dict[str, Any]:
    return {
        "labels": list(dict.fromkeys(choice.labels.name for choice in found.labels)),
        "unmatched_masks": len(found.unmatched),
        "suspected_masks": len(found.suspects),
    }
