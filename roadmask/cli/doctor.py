"""`roadmask doctor`: checks of this machine and of the service, each with what to do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from roadmask.cli.display.findings import show_finding, show_mark
from roadmask.cli.display.output import log, say
from roadmask.cli.options.connection import connection, data_dir
from roadmask.exit_codes import Exit
from roadmask.shown import shown

if TYPE_CHECKING:
    from roadmask.local.chaos import ChaosRun


@click.command()
@connection
@data_dir
@click.option(
    "--chaos",
    is_flag=True,
    help="Start a service of its own in a temporary folder, kill its processes one after another, "
    "and count what was lost. Takes about two minutes.",
)
@click.pass_context
def doctor(
    ctx: click.Context, url: str | None, api_key: str | None, data_dir: Path, chaos: bool
) -> None:
    """Check this machine and, if a service runs, the service with one real image.

    Takes a minute at most. Exits with 1 when a check fails. A service that does not run is no
    failure, unless --url names it.
    """
    if chaos:
        if ctx.get_parameter_source("url") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--chaos breaks a service of its own only: leave out --url.")
        ctx.exit(Exit.OK if _watch_chaos() else Exit.FAILURES)
    from roadmask.client.client import Client
    from roadmask.local import doctor

    deadline = time.monotonic() + doctor.TOTAL_S
    passed = [show_finding(finding) for finding in doctor.check_machine(data_dir, deadline)]
    with Client(url, api_key, timeout=doctor.CALL_TIMEOUT_S, patience=0) as client:
        if url is None and not doctor.is_running(client):
            say(f"  -  {'service':<18} none runs at {client.base_url}: try `roadmask up`")
        else:
            passed += [show_finding(finding) for finding in doctor.check_service(client, deadline)]
    ctx.exit(Exit.OK if all(passed) else Exit.FAILURES)


def _watch_chaos() -> bool:
    """Show a run for each fault as it ends, then the verdict. Return whether nothing broke."""
    from roadmask.local.chaos import FAULTS, PATIENCE_S, Chaos, scratch_service

    runs = []
    with scratch_service(log) as stack, stack.client(patience=PATIENCE_S) as client:
        for run in Chaos(stack, client).runs(FAULTS):
            runs.append(run)
            _show_run(run)
    items = sum(run.report.items for run in runs)
    broken = sum(bool(run.report.violations) for run in runs)
    if broken:
        say(f"{broken} of {len(runs)} faults broke a promise. Please report the lines above.")
    else:
        say(f"Nothing was lost: all {items} images of {len(runs)} jobs ended once, as they must.")
    return not broken


def _show_run(run: ChaosRun) -> None:
    report = run.report
    show_mark(
        not report.violations,
        f"{run.fault:<27} {report.items} images: {report.lost} lost, {report.counted_twice} "
        f"counted twice, {report.failed_unjustly} failed unjustly; the job ended "
        f"{run.recovery_s:.1f} s later",
    )
    for violation in report.violations[:5]:
        click.echo(f"     {shown(violation)}")
