"""`roadmask doctor`: is everything in order, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.exits import Exit
from roadmask.cli.service import connection, data_dir

if TYPE_CHECKING:
    from roadmask.checkup import Finding


@click.command()
@connection
@data_dir
@click.pass_context
def doctor(ctx: click.Context, url: str | None, api_key: str | None, data_dir: Path) -> None:
    """Check this machine and, when one runs, the service, with one real image.

    Exit code 1 when something is broken. A service that merely is not running is no fault,
    unless --url names it.
    """
    from roadmask.checkup import check_machine, check_service, nothing_runs
    from roadmask.client import Client

    good = [_show(finding) for finding in check_machine(data_dir)]
    with Client(url, api_key, patience=0) as client:
        if url is None and nothing_runs(client):
            click.echo(f"  -  {'service':<18} none runs at {client.base_url}: try `roadmask up`")
        else:
            good += [_show(finding) for finding in check_service(client)]
    ctx.exit(Exit.OK if all(good) else Exit.FAILURES)


def _show(finding: Finding) -> bool:
    mark = click.style(" ok ", fg="green") if finding.ok else click.style("FAIL", fg="red")
    click.echo(f"{mark} {finding.what:<18} {finding.why}")
    return finding.ok
