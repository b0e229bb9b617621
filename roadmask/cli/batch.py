"""`roadmask batch`: masks of a whole folder."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from roadmask.cli.confidence import confidence
from roadmask.cli.exits import Exit
from roadmask.cli.products import MATCHES, Wanted, products
from roadmask.cli.service import connect_or_start, connection, local
from roadmask.mask_formats import FILE_FORMATS

if TYPE_CHECKING:
    from roadmask.batch import Batch
    from roadmask.cli.screen import Screen
    from roadmask.outcomes import Progress

FAILURES, PAGE = "failures.jsonl", "failures/index.html"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the masks: `a/b/x.jpg` becomes `OUT/a/b/x.png`.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in FILE_FORMATS]),
    default="png",
    show_default=True,
)
@click.option("--model", default="default", show_default=True)
@confidence
@click.option("--watch", is_flag=True, help="Go on with images as they come, until Ctrl-C.")
@click.option("--failed", is_flag=True, help="Try only those that failed in the last run.")
@products
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary on stdout.")
@connection
@local
@click.pass_context
def batch(
    ctx: click.Context,
    folder: Path,
    out: Path,
    form: str,
    model: str,
    confidence: Path | None,
    watch: bool,
    failed: bool,
    where: str | None,
    contact_sheet: Path | None,
    video: Path | None,
    fps: float,
    as_json: bool,
    url: str | None,
    api_key: str | None,
    local: bool,
    data_dir: Path,
) -> None:
    """Masks of all images below FOLDER, in the same tree.

    Stopped by Ctrl-C or anything else, the same command goes on where it was. Photos that fail
    are named with the cause, also in `OUT/failures.jsonl` and, to look at, in
    `OUT/failures/index.html`; they are tried again by the next run.

    Exit codes: 0 all good, 1 some images failed, 2 wrong use, 3 no service, 130 interrupted.
    With --watch, Ctrl-C while nothing is in hand is a good end.
    """
    from roadmask.batch import Batch
    from roadmask.cli.screen import Screen

    wanted = Wanted(where, contact_sheet, video, fps)
    wanted.check(folder, out, form)
    only = _failed_before(out) if failed else None
    if watch and failed:
        raise click.UsageError("--watch and --failed exclude each other.")
    if failed and not only:
        click.echo("No image failed in the last run.", err=True)
        return
    matching = None
    with connect_or_start(url, api_key, local, data_dir) as client:
        run = Batch(client, folder, out, form=form, model=model, confidence=confidence)
        try:
            transport = client.calls.transport
            with Screen(folder, out, run.progress, lambda: transport.lost) as screen:
                if watch:
                    _watch(run, folder, out, screen)
                else:
                    screen.follow(run.run(only))
            matching = wanted.make(folder, out, form)
        finally:
            if run.progress.total:
                _write_dossier(ctx, folder, out)
                _sum_up(run.progress, out, as_json, matching)
                _tell_unread(folder)
    ctx.exit(Exit.FAILURES if run.progress.failed else Exit.OK)


def _failed_before(out: Path) -> set[str]:
    from roadmask.outcomes import read_results

    return {result.image for result in read_results(out, FAILURES)}


def _watch(run: Batch, folder: Path, out: Path, screen: Screen) -> None:
    """Go on until Ctrl-C, which is a good end when nothing was in hand."""
    from roadmask.arrivals import Arrivals

    arrivals = Arrivals(folder, out)
    try:
        while True:
            screen.follow(run.run(arrivals.wait(screen.idle)))
    except KeyboardInterrupt:
        if run.progress.done < run.progress.total:
            raise


def _write_dossier(ctx: click.Context, folder: Path, out: Path) -> None:
    from roadmask.dossier import write_dossier
    from roadmask.outcomes import read_results

    write_dossier(folder.resolve(), out, read_results(out, FAILURES), _retry_command(ctx))


def _retry_command(ctx: click.Context) -> str:
    """What tries the failed images again, from any folder. Never with a key in it."""
    given = ctx.params
    # Not every shell that reads the page finds the program where this one did.
    program = ["roadmask"] if shutil.which("roadmask") else [sys.executable, "-m", "roadmask.cli"]
    words = [*program, "batch", given["folder"].resolve(), "--out", given["out"].resolve()]
    for option in (
        "--format form",
        "--model model",
        "--confidence confidence",
        "--url url",
        "--data-dir data_dir",
    ):
        flag, name = option.split()
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            value = given[name]
            words += [flag, value.resolve() if isinstance(value, Path) else value]
    return shlex.join(str(word) for word in [*words, *(["--local"] * given["local"]), "--failed"])


def _tell_unread(folder: Path) -> None:
    from roadmask.folders import unread_photos

    if words := unread_photos(folder):
        click.echo(words, err=True)


def _sum_up(progress: Progress, out: Path, as_json: bool, matching: int | None) -> None:
    good = progress.done - progress.failed
    if as_json:
        summary = asdict(progress) | {"out": str(out), "done": progress.done}
        if matching is not None:
            summary["matching"] = matching
        click.echo(json.dumps(summary))
        return
    if progress.total == progress.kept:
        click.echo(f"{_masks(good)} up to date, 0 inferred: {out}")
    else:
        left = progress.total - progress.done
        counts = f"{progress.inferred} inferred, {progress.cached} known, {progress.kept} in place"
        click.echo(f"{_masks(good)} ({counts}), {progress.failed} failed: {out}")
        if left:
            images = "1 image is" if left == 1 else f"{left} images are"
            click.echo(f"{images} left; the same command goes on.")
    if matching is not None:
        match = "1 image matches" if matching == 1 else f"{matching} images match"
        click.echo(f"{match}: {out / MATCHES}")
    if progress.failed:
        click.echo(f"What failed, and why: {out / PAGE}")
        click.echo(f"The same for programs: {out / FAILURES}")
        click.echo("The same command tries them again, with --failed only them.")


def _masks(count: int) -> str:
    return "1 mask" if count == 1 else f"{count} masks"
