"""`roadmask jobs`: list, look at, watch, cancel, retry."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

import click

from roadmask.cli.exits import Exit
from roadmask.cli.service import connect, connection

if TYPE_CHECKING:
    from rich.table import Table

    from roadmask.client import Client
    from roadmask.jobs import Job

WHOLE = ("id", "state", "done")
"""Columns that are never cut off."""


@click.command()
@click.argument("job_id", metavar="[ID]", required=False)
@click.option("--cancel", "action", flag_value="cancel", help="Stop the job; its masks are kept.")
@click.option("--retry", "action", flag_value="retry", help="Run its failed items again.")
@click.option("--watch", is_flag=True, help="Stay until the job ends.")
@click.option("--limit", default=20, show_default=True, help="How many of the newest to list.")
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
    """List the newest jobs, or look at one."""
    if job_id is None and (action or watch):
        raise click.UsageError("Name the job: `roadmask jobs ID --cancel | --retry | --watch`.")
    with connect(url, api_key) as client:
        if job_id is None:
            _list(list(islice(client.jobs(), limit)), as_json)
            return
        job = _act(client, job_id, action)
        if watch:
            job = _watch(client, job)
        _show(client, job, as_json)
    ctx.exit(Exit.FAILURES if watch and job.state != "succeeded" else Exit.OK)


def _act(client: Client, job_id: str, action: str | None) -> Job:
    if action == "cancel":
        return client.cancel(job_id)
    return client.retry(job_id) if action == "retry" else client.job(job_id)


def _watch(client: Client, job: Job) -> Job:
    from roadmask.cli.meter import Meter

    with Meter(f"job {job.id}") as meter:

        def show(now: Job) -> None:
            counts = now.counts
            ended = counts.succeeded + counts.failed + counts.canceled
            meter.show(ended, counts.total, f"{counts.failed} failed" if counts.failed else "")

        return client.wait(job, on_progress=show)


def _list(found: list[Job], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([job.model_dump(mode="json") for job in found]))
        return
    from rich.console import Console

    Console().print(jobs_table(found) if found else "No jobs yet.")


def jobs_table(found: list[Job]) -> Table:
    """Jobs, at least one, as a table: one a line, without columns that say nothing."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    rows = [_row(job) for job in found]
    for title in rows[0]:
        # However narrow the terminal is, the id is whole: it is there to be copied.
        if title in WHOLE or any(row[title] for row in rows):
            table.add_column(title, no_wrap=title in WHOLE)
    for row in rows:
        table.add_row(*(row[str(column.header)] for column in table.columns))
    return table


def _row(job: Job) -> dict[str, str]:
    counts, rate = job.counts, job.images_per_second
    return {
        "id": job.id,
        "name": job.name or "",
        "state": job.state,
        "lane": job.lane,
        "done": f"{counts.succeeded}/{counts.total}",
        "failed": str(counts.failed or ""),
        "images/s": "" if rate is None else f"{rate:.1f}",
    }


def _show(client: Client, job: Job, as_json: bool) -> None:
    if as_json:
        click.echo(job.model_dump_json())
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(jobs_table([job]))
    if job.queue_position is not None:
        eta = "" if job.eta_seconds is None else f", about {job.eta_seconds:.0f} s to go"
        console.print(f"{job.queue_position} jobs of its lane come first{eta}.")
    if job.scores is not None and job.scores.mean_iou is not None:
        console.print(f"mean IoU {job.scores.mean_iou:.1%} over {job.scores.images} images")
    if job.error is not None:
        console.print(f"{job.error.title}: {job.error.detail}", markup=False)
    for item in islice(client.results(job, state="failed"), 20):
        if item.error is not None:
            name = item.custom_id or item.image_id
            console.print(f"failed: {name}: {item.error.detail}", markup=False)
