"""`roadmask batch`: masks of a whole folder."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from roadmask.cli.display.output import say
from roadmask.cli.options.connection import connect_or_start, connection, local
from roadmask.cli.options.masks import confidence, mask_format, mask_parameters
from roadmask.cli.options.products import Products, product_options
from roadmask.cli.options.selection import selection_options
from roadmask.exit_codes import Exit, exit_code, problem_of
from roadmask.python_command import python_command
from roadmask.schemas.mask_formats import FOLDER_DOCUMENTS

if TYPE_CHECKING:
    from roadmask.cli.display.batch_summary import BatchSummary
    from roadmask.cli.display.progress import FolderProgress
    from roadmask.client.client import Client
    from roadmask.folder.options import RunOptions
    from roadmask.folder.results import FileResult
    from roadmask.folder.run import FolderRun
    from roadmask.folder.selection import Selection
    from roadmask.schemas.mask_parameters import MaskParameters


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the masks: `a/b/x.jpg` becomes `OUT/a/b/x.png`.",
)
@mask_format(None, "index, or the format of the masks in OUT", FOLDER_DOCUMENTS)
@click.option("--model", default="default", show_default=True)
@mask_parameters
@confidence
@selection_options
@click.option("--watch", is_flag=True, help="Wait for new images until Ctrl-C.")
@click.option("--failed", is_flag=True, help="Run only the images that failed in the last run.")
@click.option("--delete", is_flag=True, help="Delete masks whose images are gone or renamed.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done. Needs no service.")
@product_options
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.option("-v", "--verbose", is_flag=True, help="Print a line for each image.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary on stdout.")
@connection
@local
@click.pass_context
def batch(
    ctx: click.Context,
    folder: Path,
    out: Path,
    format: str | None,
    model: str,
    parameters: MaskParameters,
    confidence: Path | None,
    selection: Selection,
    watch: bool,
    failed: bool,
    delete: bool,
    dry_run: bool,
    products: Products,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    url: str | None,
    api_key: str | None,
    local: bool,
    data_dir: Path,
) -> None:
    """Segment all images below FOLDER into the same tree of masks.

    After an interruption the same command resumes the run. Images that fail are listed with the
    cause on stderr, in `OUT/failures.jsonl`, and with thumbnails in `OUT/failures/index.html`.

    Exit codes: 0 all masks written, 1 some images or folders failed, 2 wrong usage, 3 no service,
    130 interrupted. With --watch, Ctrl-C exits with 0 or 1 if no image is left.
    """
    from roadmask.cli.display.batch_summary import BatchSummary
    from roadmask.folder.options import RunOptions, file_format
    from roadmask.folder.run import FolderRun

    summary = BatchSummary(out)
    with _summarized(summary, quiet=quiet, as_json=as_json):
        only = _failed_images(out) if failed else None
        if watch and (failed or dry_run or selection.limit):
            raise click.UsageError("--watch excludes --failed, --dry-run and --limit.")
        options = RunOptions(folder, out, file_format(format, out), model, confidence, parameters)
        products.check(options)
        summary.look_around(folder)
        if dry_run:
            _print_plan(options, selection, only, summary, verbose=verbose, as_json=as_json)
            return
        with connect_or_start(url, api_key, local, data_dir) as client:
            run = FolderRun(client, options, selection)
            summary.progress, summary.jobs = run.progress, run.jobs
            display = _display(client, run, folder, out, quiet)
            with _failure_report(ctx, run), display:
                if watch:
                    _watch(run, folder, out, display, verbose)
                else:
                    display.follow(_told(run.run(only), display, verbose))
            _note_left(summary, run, folder, products)
            summary.are_deleted = delete
            if delete:
                run.delete_stale()
            summary.matching = products.make(options, format)
    ctx.exit(_exit_code(run, selection))


def _note_left(summary: BatchSummary, run: FolderRun, folder: Path, products: Products) -> None:
    """Note what the run has found beside images and their masks."""
    summary.add_unreadable(folder, run.unreadable)
    summary.stale = run.stale
    summary.foreign = products.without_own(run.foreign, summary.out)


def _exit_code(run: FolderRun, selection: Selection) -> Exit:
    missed = any(not selection.excludes(name) for name in run.unreadable)
    return Exit.FAILURES if run.progress.failed or missed else Exit.OK


@contextmanager
def _summarized(summary: BatchSummary, *, quiet: bool, as_json: bool) -> Iterator[None]:
    """Print the summary at the end, whatever ended the run."""
    from roadmask.errors import InvalidRequest, RoadmaskError

    try:
        yield
    except click.ClickException as error:
        if as_json:
            summary.error = InvalidRequest(error.format_message()).problem()
            click.echo(summary.json())
        raise
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, RoadmaskError | OSError):
            summary.error = problem_of(error)
            summary.is_resumable = exit_code(error) is not Exit.USAGE
        summary.echo(quiet=quiet, as_json=as_json)
        raise
    summary.echo(quiet=quiet, as_json=as_json)


def _display(
    client: Client, run: FolderRun, folder: Path, out: Path, quiet: bool
) -> FolderProgress:
    from roadmask.cli.display.progress import FolderProgress

    transport = client.api.transport
    return FolderProgress(folder, out, run.progress, lambda: transport.disconnected, quiet=quiet)


@contextmanager
def _failure_report(ctx: click.Context, run: FolderRun) -> Iterator[None]:
    """Write the failure report at the end, unless the disk is full."""
    try:
        yield
    except OSError:
        raise
    except BaseException:
        if run.progress.total:
            _write_failure_report(ctx)
        raise
    _write_failure_report(ctx)


def _write_failure_report(ctx: click.Context) -> None:
    from roadmask.folder.reports.failure_report import write_failure_report

    folder, out = ctx.params["folder"], ctx.params["out"]
    write_failure_report(folder.resolve(), out, _failures(out), _retry_command(ctx))


def _failures(out: Path) -> list[FileResult]:
    from roadmask.folder.results import FAILURES, read_results

    return read_results(out, FAILURES)


def _failed_images(out: Path) -> set[str]:
    """The images that failed in the last run."""
    from roadmask.folder.state import state_file

    if not state_file(out).is_file():
        raise click.UsageError(f"{out} has no masks of an earlier run: check --out.")
    found = {failure.image for failure in _failures(out)}
    if not found:
        say("No image failed in the last run.", err=True)
    return found


def _told(
    results: Iterable[FileResult], display: FolderProgress, verbose: bool
) -> Iterator[FileResult]:
    """The results, each printed if `verbose`; the display prints failures itself."""
    for result in results:
        if verbose and result.mask is not None:
            way = "in place" if result.kept else "cached" if result.cached else "inferred"
            display.print(f"{result.image} → {result.mask} ({way})")
        yield result


def _watch(run: FolderRun, folder: Path, out: Path, display: FolderProgress, verbose: bool) -> None:
    """Run until Ctrl-C, which is no interruption when no image is left."""
    from roadmask.folder.watcher import FolderWatcher

    watcher = FolderWatcher(folder, out)
    try:
        while True:
            names = watcher.wait(display.wait)
            display.follow(_told(run.run(names), display, verbose))
    except KeyboardInterrupt:
        if run.progress.done < run.progress.total:
            raise


def _print_plan(
    options: RunOptions,
    selection: Selection,
    only: set[str] | None,
    summary: BatchSummary,
    *,
    verbose: bool,
    as_json: bool,
) -> None:
    from roadmask.folder.run import plan_run

    plan = plan_run(options.resolved(), selection, only)
    summary.is_plan, summary.stale, summary.foreign = True, plan.stale, plan.foreign
    if as_json:
        click.echo(json.dumps(asdict(plan) | {"skipped": summary.skipped_counts()}))
        return
    say(f"{len(plan.images)} images would be segmented; {plan.kept} masks are in place.")
    for name in plan.images if verbose else ():
        say(name)
    summary.print_hints()


def _retry_command(ctx: click.Context) -> str:
    """The command that runs the failed images again, from any folder. It contains no API key."""
    given = ctx.params
    # The shell of the person who reads the report may lack this environment.
    program = ["roadmask"] if shutil.which("roadmask") else python_command("roadmask.cli")
    words = [*program, "batch", given["folder"].resolve(), "--out", given["out"].resolve()]
    for name in ("format", "model", "quality", "pixels", "confidence", "url", "data_dir"):
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            value = given[name]
            option = f"--{name.replace('_', '-')}"
            words += [option, value.resolve() if isinstance(value, Path) else value]
    return shlex.join(str(word) for word in [*words, *(["--local"] * given["local"]), "--failed"])
