"""Which service a command talks to: a running one, or one of its own for the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from roadmask.client import Client

Command = TypeVar("Command", bound=Callable[..., Any])

DATA_DIR = "roadmask-data"


def connection(command: Command) -> Command:
    """The options `--url` and `--api-key`."""
    key = click.option(
        "--api-key", envvar="ROADMASK_API_KEY", help="Key of the service, where it asks for one."
    )
    url = click.option(
        "--url", envvar="ROADMASK_URL", help="Where the service is.  [default: this machine]"
    )
    return url(key(command))


def data_dir(command: Command) -> Command:
    """The option `--data-dir` of a service of our own."""
    return click.option(
        "--data-dir",
        envvar="ROADMASK_DATA_DIR",
        type=click.Path(file_okay=False, path_type=Path),
        default=DATA_DIR,
        show_default=True,
        help="Folder of everything the service keeps.",
    )(command)


def local(command: Command) -> Command:
    """The option `--local`, with its `--data-dir`."""
    flag = click.option(
        "--local", is_flag=True, help="Start a service for this run, as `roadmask up` would."
    )
    return flag(data_dir(command))


@contextmanager
def connect(url: str | None, api_key: str | None) -> Iterator[Client]:
    """A client of a service that answers. Raises `ServiceUnreachable` at once when none does."""
    from roadmask.client import Client

    with Client(url, api_key, patience=0) as probe:
        probe.get("/healthz")
    with Client(url, api_key) as client:
        yield client


@contextmanager
def connect_or_start(
    url: str | None, api_key: str | None, own: bool, folder: Path
) -> Iterator[Client]:
    """A client of the service at `url`, or (`own`) of one that runs as long as this block."""
    from roadmask.client import Client
    from roadmask.errors import ServiceUnreachable
    from roadmask.stack import Stack

    if own:
        with Stack(folder, port=0, say=tell) as stack, stack.client() as client:
            yield client
        return
    try:
        with Client(url, api_key, patience=0) as probe:
            probe.get("/healthz")
    except ServiceUnreachable as error:
        hint = "" if url else " Or add --local: then this command starts one for its own run."
        raise ServiceUnreachable(error.detail + hint) from error
    with Client(url, api_key) as client:
        yield client


def tell(news: str) -> None:
    """A line for people, beside what the command prints for programs."""
    click.echo(f"· {news}", err=True)
