"""`roadmask jobs`: list, show, watch, cancel and retry jobs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from roadmask.cli.display.output import say
from roadmask.cli.display.tables import print_table, table_width
from roadmask.cli.options.connection import connect, connection
from roadmask.exit_codes import Exit

if TYPE_CHECKING:
    from roadmask.client.client import Client
    from roadmask.schemas.jobs import Job

MAX_FAILURES = 20
"""Failed items that are printed for one job."""


@click.command()
@click.argument("job_id", metavar="[ID]", required=False)
@click.option("--cancel", "action", flag_value="cancel", help="Cancel the job; its masks are kept.")
@click.option("--retry", "action", flag_value="retry", help="Run its failed items again.")
@click.option("--watch", is_flag=True, help="Wait until the job ends.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Number of newest jobs to list.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@connection
@click.pass_context
def jobs(
    ctx: click.Context,
    job_id: str | None,
    action: str | None,
    watch: bool,
    limit: int,
    as_json: bool,
    url: str | None,
    api_key: str | None,
) -> None:
    """List the newest jobs, or show one."""
    if job_id is None and (action or watch):
        raise click.UsageError("Name the job: `roadmask jobs ID --cancel | --retry | --watch`.")
    with connect(url, api_key) as client:
        if job_id is None:
            _list(list(client.jobs(limit=limit)), as_json)
            return
        job = _act(client, job_id, action)
        if watch:
            job = _watch(client, job)
        _show(client, job, as_json)
    ctx.exit(Exit.FAILURES if watch and job.state != "succeeded" else Exit.OK)


def _act(client: Client, job_id: str, action: str | None) -> Job:
    from roadmask.schemas.jobs import FINAL_STATES

    if action == "cancel":
        before = client.job(job_id)
        if before.state in FINAL_STATES:
            say(f"The job had ended already: it is {before.state}.", err=True)
            return before
        return client.cancel(job_id)
    return client.retry(job_id) if action == "retry" else client.job(job_id)


def _watch(client: Client, job: Job) -> Job:
    from roadmask.cli.display.progress import ProgressDisplay

    with ProgressDisplay(f"job {job.id}") as display:

        def show(now: Job) -> None:
            counts = now.counts
            ended = counts.succeeded + counts.failed + counts.canceled
            note = f"{counts.failed} failed" if counts.failed else ""
            display.update(ended, counts.total, note=note)

        return client.wait(job, on_progress=show)


def _list(found: list[Job], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([job.model_dump(mode="json") for job in found]))
    elif found:
        _print_jobs(found)
    else:
        say("No jobs yet.")


def _print_jobs(found: Sequence[Job]) -> None:
    columns = ("id", "name", "state", "lane", "done", "failed", "images/s")
    rows = [_row(job) for job in found]
    width = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or table_width(columns, rows) <= width:
        print_table(columns, rows, right=("done", "failed", "images/s"))
        return
    # Two lines for each are easier to read than rows that the terminal breaks.
    for job_id, name, state, lane, done, failed, rate in rows:
        say(f"{job_id}  {state}")
        more = (f"{failed} failed" if failed else "", f"{rate} images/s" if rate else "")
        say("  " + "  ".join(filter(None, (f"{done} done", lane, *more, name))))


def _row(job: Job) -> tuple[str, ...]:
    counts, rate = job.counts, job.images_per_second
    return (
        job.id,
        job.name or "",
        job.state,
        job.lane,
        f"{counts.succeeded}/{counts.total}",
        str(counts.failed or ""),
        "" if rate is None else f"{rate:.1f}",
    )


def _show(client: Client, job: Job, as_json: bool) -> None:
    if as_json:
        click.echo(job.model_dump_json())
        return
    _print_jobs([job])
    if job.queue_position is not None:
        eta = "" if job.eta_seconds is None else f", about {job.eta_seconds:.0f} s left"
        say(f"Jobs before it in its lane: {job.queue_position}{eta}.")
    if job.scores is not None and job.scores.mean_iou is not None:
        say(f"mean IoU {job.scores.mean_iou:.1%} over {job.scores.images} images")
    if job.error is not None:
        say(f"{job.error.title}: {job.error.detail}")
    for item in islice(client.results(job, state="failed"), MAX_FAILURES):
        if item.error is not None:
            say(f"failed: {item.custom_id or item.image_id}: {item.error.detail}")
