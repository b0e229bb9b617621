"""The options that name a service: `--url`, `--api-key`, `--local`, `--data-dir`; its client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from roadmask.cli.display.output import log
from roadmask.cli.options.command import Command

if TYPE_CHECKING:
    from roadmask.client.client import Client

DATA_DIR = "roadmask-data"


def connection(command: Command) -> Command:
    """The options `--url` and `--api-key`."""
    key = click.option(
        "--api-key", envvar="ROADMASK_API_KEY", help="API key, if the service requires one."
    )
    url = click.option(
        "--url", envvar="ROADMASK_URL", help="URL of the service.  [default: this machine]"
    )
    return url(key(command))


def data_dir(command: Command) -> Command:
    """The option `--data-dir` of commands that start a service."""
    return click.option(
        "--data-dir",
        envvar="ROADMASK_DATA_DIR",
        type=click.Path(file_okay=False, path_type=Path),
        default=DATA_DIR,
        show_default=True,
        help="Folder of all data of the service.",
    )(command)


def local(command: Command) -> Command:
    """The option `--local`, with its `--data-dir`."""
    flag = click.option(
        "--local", is_flag=True, help="Start a service for this run, as `roadmask up` does."
    )
    return flag(data_dir(command))


@contextmanager
def connect(url: str | None, api_key: str | None) -> Iterator[Client]:
    """A client of a running service. Raises `ServiceUnreachable` at once without one."""
    from roadmask.client.client import Client

    _check_reachable(url, api_key)
    with Client(url, api_key) as client:
        yield client


@contextmanager
def connect_or_start(
    url: str | None, api_key: str | None, local: bool, data_dir: Path
) -> Iterator[Client]:
    """A client of the service at `url`, or with `local` of one that runs as long as the block."""
    from roadmask.client.client import Client
    from roadmask.errors import ServiceUnreachable
    from roadmask.local.stack import Stack

    if local:
        _check_not_named()
        with Stack(data_dir, port=0, log=log) as stack, stack.client() as client:
            yield client
        return
    try:
        _check_reachable(url, api_key)
    except ServiceUnreachable as error:
        hint = "" if url else " Or add --local: it starts a service for this run."
        raise ServiceUnreachable(error.detail + hint) from error
    with Client(url, api_key) as client:
        yield client


def _check_not_named() -> None:
    """Raise `UsageError` for --local beside --url, which would be ignored."""
    source = click.get_current_context().get_parameter_source("url")
    if source is ParameterSource.COMMANDLINE:
        raise click.UsageError("--local starts a service of its own: leave out --url.")


def _check_reachable(url: str | None, api_key: str | None) -> None:
    from roadmask.client.client import Client

    with Client(url, api_key, patience=0) as probe:
        probe.get("/healthz")
