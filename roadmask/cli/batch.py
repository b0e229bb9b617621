"""`roadmask batch`: masks of a whole folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.exits import Exit
from roadmask.cli.service import connect_or_start, connection, local
from roadmask.mask_formats import FILE_FORMATS

if TYPE_CHECKING:
    from roadmask.cli.meter import Meter
    from roadmask.outcomes import FileResult, Progress


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
    as_json: bool,
    url: str | None,
    api_key: str | None,
    local: bool,
    data_dir: Path,
) -> None:
    """Masks of all images below FOLDER, in the same tree.

    Stopped by Ctrl-C or anything else, the same command goes on where it was. Photos that fail
    are named with the cause, also in `OUT/failures.jsonl`; they are tried again by the next run.

    Exit codes: 0 all good, 1 some images failed, 2 wrong use, 3 no service, 130 interrupted.
    """
    from roadmask.batch import Batch
    from roadmask.cli.meter import Meter

    with connect_or_start(url, api_key, local, data_dir) as client:
        run = Batch(client, folder, out, form=form, model=model)
        try:
            with Meter("segmenting") as meter:
                for result in run.run():
                    _show(meter, run.progress, result)
        finally:
            if run.progress.total:
                _sum_up(run.progress, out, as_json)
    ctx.exit(Exit.FAILURES if run.progress.failed else Exit.OK)


def _show(meter: Meter, progress: Progress, result: FileResult) -> None:
    if result.error is not None:
        meter.say(f"failed: {result.image}: {result.error.title}. {result.error.detail}")
    notes = {"cached": progress.cached + progress.kept, "failed": progress.failed}
    note = ", ".join(f"{count} {name}" for name, count in notes.items() if count)
    meter.show(progress.done, progress.total, note)


def _sum_up(progress: Progress, out: Path, as_json: bool) -> None:
    good = progress.done - progress.failed
    if as_json:
        click.echo(json.dumps(asdict(progress) | {"out": str(out), "done": progress.done}))
    elif progress.total == progress.kept:
        click.echo(f"{good} masks up to date, 0 inferred: {out}")
    else:
        left = progress.total - progress.done
        counts = f"{progress.inferred} inferred, {progress.cached} known, {progress.kept} in place"
        click.echo(f"{good} masks ({counts}), {progress.failed} failed: {out}")
        if left:
            click.echo(f"{left} images are left; the same command goes on with them.")
    if progress.failed and not as_json:
        click.echo(f"Causes are in {out / 'failures.jsonl'}; the same command tries them again.")
