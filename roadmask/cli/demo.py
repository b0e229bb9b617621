"""`roadmask demo`: rendered scenes in, masks and scores out, all on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.display.output import log, say
from roadmask.cli.display.tables import print_table
from roadmask.cli.options.connection import data_dir
from roadmask.exit_codes import Exit
from roadmask.python_command import python_command

if TYPE_CHECKING:
    from roadmask.client.client import Client
    from roadmask.images.layouts import Sample
    from roadmask.schemas.jobs import Item, Job, Scores

DATASET = "scenes"


@click.command()
@data_dir
@click.option(
    "--count",
    type=click.IntRange(1, 10_000),
    default=12,
    show_default=True,
    help="Number of scenes.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-masks"),
    show_default=True,
    help="Folder of masks and overlays.",
)
@click.pass_context
def demo(ctx: click.Context, data_dir: Path, count: int, out: Path) -> None:
    """Start the service, render street scenes, segment them, and show the scores.

    In a terminal the service then runs until Ctrl-C, unless DEMO_EXIT=1 is in the environment.
    Exits with 0 if every mask was fetched through its URL.
    """
    from roadmask.local.ports import preferred_port
    from roadmask.local.stack import Stack

    log(f"starting the service; its data are in {data_dir.resolve()}")
    with Stack(data_dir, port=preferred_port(8000), log=log) as stack:
        samples = _render(data_dir / "demo-scenes", count)
        with stack.client() as client:
            fetched = _run(client, samples, data_dir / "demo-scenes", out)
        complete = fetched == len(samples)
        say(f"\n{fetched} of {len(samples)} masks were fetched through their URLs into {out}/.")
        say(f"{out}/compare/ has each image, its truth and its mask side by side.")
        if complete and _is_interactive():
            say(f"Page: {stack.url}   API: {stack.url}/docs   Ctrl-C stops the service.")
            try:
                stack.join()
            except KeyboardInterrupt:
                log("stopping; Ctrl-C again stops at once")
    program = _program()
    say(f"Next: `{program} up`, and in another terminal")
    say(f"`{program} batch YOUR_PHOTOS --out MASKS`.")
    ctx.exit(Exit.OK if complete else Exit.FAILURES)


def _render(folder: Path, count: int) -> list[Sample]:
    """Scenes with truth, rendered by `roadmask scenes`: the renderer is in the other package."""
    from roadmask.images.layouts import find_samples

    shutil.rmtree(folder, ignore_errors=True)
    command = python_command("roadmask.cli", "scenes", folder, "--count", count)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"The scenes could not be rendered:\n{done.stderr.strip()}")
    log(f"{count} street scenes rendered, with exact truth")
    return find_samples(folder)


def _run(client: Client, samples: list[Sample], folder: Path, out: Path) -> int:
    """Ingest the scenes, segment them as one job, print scores; the number of masks fetched."""
    from roadmask.cli.display.progress import ProgressDisplay
    from roadmask.cli.ingest import ingest_with_progress

    ingest_with_progress(client, samples, DATASET)
    ids = [f"{DATASET}/{sample.name}" for sample in samples]
    job = client.submit(ids, name="demo", lane="batch")
    log(f"job {job.id} was accepted: {len(ids)} images")
    with ProgressDisplay("segmenting") as display:

        def show(now: Job) -> None:
            counts = now.counts
            display.update(counts.succeeded + counts.failed, counts.total)

        job = client.wait(job, on_progress=show)
    items = list(client.results(job))
    rows = [_row(item) for item in items]
    if job.scores is not None:
        rows.append(("all", *_percentages(job.scores), ""))
    print_table(("image", "IoU", "accuracy", "mask URL"), rows, right=("IoU", "accuracy"))
    return sum(
        _fetch(client, sample, item, out) for sample, item in zip(samples, items, strict=True)
    )


def _row(item: Item) -> tuple[str, ...]:
    if item.result is None:
        cause = item.error.detail if item.error else f"it is {item.state}"
        return (item.image_id, "-", "-", cause)
    return (item.image_id, *_percentages(item.result.scores), item.result.mask_url or "")


def _percentages(scores: Scores | None) -> tuple[str, str]:
    """Mean IoU and accuracy."""
    figures = (scores.mean_iou, scores.accuracy) if scores else (None, None)
    iou, accuracy = ("-" if figure is None else f"{figure:.1%}" for figure in figures)
    return iou, accuracy


def _fetch(client: Client, sample: Sample, item: Item, out: Path) -> bool:
    """Save the mask from its URL, and image, truth and mask side by side."""
    import numpy as np

    from roadmask.atomic import write_atomically
    from roadmask.errors import RoadmaskError
    from roadmask.images.decoding import decode, encode_png
    from roadmask.images.layouts import read_truth
    from roadmask.masks.codec import colorize, decode_mask
    from roadmask.settings import Settings

    try:
        png = client.mask_bytes(item)
    except RoadmaskError as error:
        log(f"no mask of {item.image_id}: {error.detail}")
        return False
    write_atomically(out / f"{sample.name}.png", [png])
    image = decode(sample.image.read_bytes(), Settings().max_image_pixels)
    panels = (image, colorize(read_truth(sample)), colorize(decode_mask(png)))
    write_atomically(out / "compare" / f"{sample.name}.png", [encode_png(np.hstack(panels))])
    return True


def _program() -> str:
    """How to call `roadmask` here: after `make` it is in an environment that is not active."""
    if shutil.which("roadmask"):
        return "roadmask"
    return os.path.relpath(Path(sys.executable).with_name("roadmask"))


def _is_interactive() -> bool:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return terminal and os.environ.get("DEMO_EXIT") != "1"
