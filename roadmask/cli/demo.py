"""`roadmask demo`: sample scenes in, masks and scores out, all on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.exits import Exit
from roadmask.cli.service import data_dir, tell

if TYPE_CHECKING:
    from roadmask.client import Client
    from roadmask.folders import Sample
    from roadmask.jobs import Item, Job

DATASET = "scenes"


@click.command()
@data_dir
@click.option(
    "--count", type=click.IntRange(1, 10_000), default=12, show_default=True, help="Scenes."
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

    In a terminal the service then stays until Ctrl-C (DEMO_EXIT=1 in the environment: it does
    not). The exit code is 0 only when every mask was made and fetched through its URL.
    """
    from roadmask.ports import preferred_port
    from roadmask.stack import Stack

    tell(f"starting the service; its data are in {data_dir.resolve()}")
    with Stack(data_dir, port=preferred_port(8000), say=tell) as stack:
        samples = _render(data_dir / "demo-scenes", count)
        with stack.client() as client:
            fetched = _run(client, samples, data_dir / "demo-scenes", out)
        complete = fetched == len(samples)
        click.echo(
            f"\n{fetched} of {len(samples)} masks were fetched through their URLs into {out}/;"
        )
        click.echo(f"image, truth and mask side by side are in {out}/compare/.")
        if complete and _somebody_looks():
            click.echo(f"Page: {stack.url}   API: {stack.url}/docs   Ctrl-C stops the service.")
            try:
                stack.join()
            except KeyboardInterrupt:
                tell("stopping; Ctrl-C again to stop at once")
    program = _program()
    click.echo(f"Go on: `{program} up`, then `{program} batch YOUR_PHOTOS --out MASKS` beside it.")
    ctx.exit(Exit.OK if complete else Exit.FAILURES)


def _render(folder: Path, count: int) -> list[Sample]:
    """Scenes with truth, by the command of the room that has the renderer."""
    from roadmask.folders import find_samples

    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "roadmask.cli", "scenes", str(folder), "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"The scenes could not be rendered:\n{done.stderr.strip()}")
    tell(f"{count} street scenes rendered, with exact truth")
    return find_samples(folder)


def _run(client: Client, samples: list[Sample], folder: Path, out: Path) -> int:
    """Ingest, segment as one job, show the scores, fetch; the number of masks fetched."""
    from roadmask.cli.ingest import ingest_with_meter
    from roadmask.cli.meter import Meter

    ingest_with_meter(client, folder, DATASET)
    ids = [f"{DATASET}/{sample.name}" for sample in samples]
    job = client.submit(ids, name="demo", lane="batch")
    tell(f"job {job.id} was accepted: {len(ids)} images")
    with Meter("segmenting") as meter:

        def show(now: Job) -> None:
            counts = now.counts
            meter.show(counts.succeeded + counts.failed, counts.total)

        job = client.wait(job, on_progress=show)
    fetched = 0
    click.echo(f"{'image':<16} {'IoU':>7} {'accuracy':>9}  mask URL")
    for sample, item in zip(samples, client.results(job), strict=True):
        click.echo(_row(item))
        fetched += _fetch(client, sample, item, out)
    if job.scores is not None and job.scores.mean_iou is not None:
        accuracy = job.scores.accuracy or 0.0
        click.echo(f"{'all':<16} {job.scores.mean_iou:>7.1%} {accuracy:>9.1%}")
    return fetched


def _row(item: Item) -> str:
    if item.result is None:
        cause = item.error.detail if item.error else f"it is {item.state}"
        return f"{item.image_id:<16} {'-':>7} {'-':>9}  {cause}"
    scores = item.result.scores
    figures = (scores.mean_iou, scores.accuracy) if scores else (None, None)
    iou, accuracy = ("-" if figure is None else f"{figure:.1%}" for figure in figures)
    return f"{item.image_id:<16} {iou:>7} {accuracy:>9}  {item.result.mask_url}"


def _fetch(client: Client, sample: Sample, item: Item, out: Path) -> bool:
    """Save the mask, through its URL, and image, truth and mask side by side."""
    import numpy as np

    from roadmask.errors import RoadmaskError
    from roadmask.folders import read_truth
    from roadmask.mask_files import write_whole
    from roadmask.masks import colorize, decode_mask
    from roadmask.pixels import decode, encode_png
    from roadmask.settings import Settings

    try:
        png = client.mask_bytes(item)
    except RoadmaskError as error:
        tell(f"no mask of {item.image_id}: {error.detail}")
        return False
    write_whole(out / f"{sample.name}.png", [png])
    image = decode(sample.image.read_bytes(), Settings().max_image_pixels)
    panels = (image, colorize(read_truth(sample)), colorize(decode_mask(png)))
    write_whole(out / "compare" / f"{sample.name}.png", [encode_png(np.hstack(panels))])
    return True


def _program() -> str:
    """How `roadmask` is called here: after `make`, it is in an environment that is not active."""
    if shutil.which("roadmask"):
        return "roadmask"
    return os.path.relpath(Path(sys.executable).with_name("roadmask"))


def _somebody_looks() -> bool:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return terminal and os.environ.get("DEMO_EXIT") != "1"
