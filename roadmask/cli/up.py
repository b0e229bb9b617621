"""`roadmask up`: the whole service on this machine."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import NoReturn

import click

from roadmask.cli.service import data_dir, tell


@click.command()
@data_dir
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port of the API and its page; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Worker processes. One uses every core; more help on machines with many.",
)
@click.option(
    "--public-url",
    envvar="ROADMASK_PUBLIC_URL",
    help="Where browsers and clients reach it, behind a proxy or a forwarded port.  "
    "[default: this machine]",
)
def up(data_dir: Path, port: int, workers: int, public_url: str | None) -> None:
    """Run the whole service on this machine until Ctrl-C.

    Redis, API and workers run as processes of their own and are started again when one dies.
    Everything they keep is in the data folder: jobs go on where they were at the next start.
    """
    from roadmask.stack import Stack

    signal.signal(signal.SIGTERM, _interrupt)
    tell(f"starting; data and logs are in {data_dir.resolve()}")
    stack = Stack(data_dir, port=port, workers=workers, public_url=public_url, say=tell)
    with stack:
        click.echo(f"Roadmask runs at {stack.url} (page) and {stack.url}/docs (API).")
        click.echo("Ctrl-C stops it; what is in hand is finished first.")
        try:
            stack.join()
        except KeyboardInterrupt:
            tell("stopping; Ctrl-C again to stop at once")
    tell("stopped")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
