"""The data set of a command that measures: a folder, or one that a running service holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from roadmask.cli.service import connect, connection
from roadmask.errors import ServiceUnreachable

if TYPE_CHECKING:
    from ml.data.annotated import Annotations

T = TypeVar("T")

dataset_options = connection
"""`--url` and `--api-key` of the service that holds the dataset."""


class Scales(click.ParamType[tuple[float, ...]]):
    """Numbers with commas between them."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The numbers."""
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 0.75,1,1.25.", param, ctx)


@contextmanager
def open_dataset(name: str, url: str | None, api_key: str | None) -> Iterator[Annotations]:
    """The annotated images of a folder, or of a service's dataset when there is no such folder.

    Raises `InvalidRequest` when neither has any, and `ServiceUnreachable`.
    """
    from ml.data.annotated import from_folder, from_service

    folder = Path(name)
    if folder.is_dir():
        yield from_folder(folder)
        return
    try:
        with connect(url, api_key) as client:
            yield from_service(client, name)
    except ServiceUnreachable as error:
        raise ServiceUnreachable(
            f"{name} is not a folder here, and no service can be asked for a dataset of that "
            f"name. {error.detail}"
        ) from error


def meter(what: str, steps: Iterable[T], total: int) -> Iterator[T]:
    """The steps themselves, with how far they are on stderr."""
    from roadmask.cli.meter import Meter

    with Meter(what, total) as shown:
        for done, step in enumerate(steps, 1):
            yield step
            shown.show(done, total)
