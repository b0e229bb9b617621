"""`roadmask up`: the whole service on this machine."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, NoReturn

import click

from roadmask.cli.display.output import log
from roadmask.cli.options.connection import data_dir


@click.command()
@data_dir
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 is all. All but 127.0.0.1 need an API key.",
)
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    show_envvar=True,
    help="Port of the API and its page; 0 chooses a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of worker processes. One uses every core; more help on machines with many cores.",
)
@click.option(
    "--scheduler/--no-scheduler",
    default=True,
    help="Whether deadlines, webhooks and repairs have a process of their own. Without it the "
    "worker does them, which saves memory.",
)
@click.option(
    "--store",
    envvar="ROADMASK_STORE",
    type=click.Choice(("local", "minio")),
    default="local",
    show_default=True,
    help="Where objects lie: in the data folder, or on the S3 server of ROADMASK_MINIO_….",
)
@click.option(
    "--logs-to-stderr", is_flag=True, help="Write all logs to standard error, not to files."
)
@click.option(
    "--public-url",
    envvar="ROADMASK_PUBLIC_URL",
    help="URL of the service for browsers and clients, behind a proxy or a forwarded port.  "
    "[default: this machine]",
)
def up(data_dir: Path, port: int, public_url: str | None, **options: Any) -> None:
    """Run the whole service on this machine until Ctrl-C.

    Redis, API and workers are separate processes, which are restarted when they die. All their
    data are in the data folder: the next start resumes open jobs.
    """
    from roadmask.local.stack import Stack

    signal.signal(signal.SIGTERM, _interrupt)
    log(f"starting; data and logs are in {data_dir.resolve()}")
    stack = Stack(data_dir, port=port, public_url=public_url or None, log=log, **options)
    with stack:
        try:
            click.echo(f"Roadmask runs at {stack.url} (page) and {stack.url}/docs (API).")
            click.echo("Ctrl-C stops it after the work in progress is finished.")
            stack.join()
        except KeyboardInterrupt:
            log("stopping; Ctrl-C again stops at once")
    log("stopped")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
