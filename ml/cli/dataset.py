"""The data set of a command that measures: a folder, or one that a running service holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.command import Command
from roadmask.cli.options.connection import connect, connection
from roadmask.cli.options.reading import reading_options
from roadmask.errors import InvalidRequest, ServiceUnreachable
from roadmask.exit_codes import Exit

if TYPE_CHECKING:
    from ml.data.annotated import AnnotatedDataset, LeftOut
    from roadmask.images.reading import Reading

T = TypeVar("T")

NAMED = 10
"""Number of images that are named when they are left out."""


def dataset_options(command: Command) -> Command:
    """The options of the service that holds the dataset, or of the masks in its folder."""
    return connection(reading_options(command))


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
def open_dataset(
    name: str, url: str | None, api_key: str | None, reading: Reading
) -> Iterator[AnnotatedDataset]:
    """The annotated images of a folder, or of a service's dataset when there is no such folder.

    Raises `InvalidRequest` when neither has any, and `ServiceUnreachable`.
    """
    from ml.data.annotated import from_folder, from_service

    folder = Path(name)
    if folder.is_dir():
        say_labels(folder, reading)
        yield from_folder(folder, reading)
        return
    if reading.labels.name:
        raise InvalidRequest(
            f"{name} is not a folder here. The masks of a service's dataset are categories "
            "already: leave --labels out."
        )
    try:
        with connect(url, api_key) as client:
            yield from_service(client, name, reading.pixels)
    except ServiceUnreachable as error:
        raise ServiceUnreachable(
            f"{name} is not a folder here, and no service can be asked for a dataset of that "
            f"name. {error.detail}"
        ) from error


def say_labels(folder: Path, reading: Reading) -> None:
    """Print how the masks of a folder are read, and what is left out, on stderr."""
    from roadmask.images.image_files import examples
    from roadmask.images.layouts import read_folder

    found = read_folder(folder, reading)
    names = "; ".join(dict.fromkeys(map(str, found.labels)))
    texts = [f"Masks of {folder} are read as {names}."] if names else []
    if unmasked := [sample.image for sample in found.samples if sample.truth is None]:
        texts.append(
            f"{len(unmasked)} images without a mask, which are left out: "
            f"{examples(unmasked, folder)}."
        )
    for text in texts + found.notes():
        say(text, err=True)


def exit_after(left_out: Sequence[LeftOut], failed: bool = False) -> NoReturn:
    """End the command: with 1 if it failed or an image was left out, which is said."""
    _say_left_out(left_out)
    click.get_current_context().exit(Exit.FAILURES if failed or left_out else Exit.OK)


def _say_left_out(left_out: Sequence[LeftOut]) -> None:
    """Print which images were left out and why, on stderr."""
    if not left_out:
        return
    say(f"Left out, because they cannot be read or segmented: {len(left_out)}", err=True)
    for each in left_out[:NAMED]:
        say(f"  {each.name}: {each.detail}", err=True)
    if len(left_out) > NAMED:
        say(f"  and {len(left_out) - NAMED} more.", err=True)


def meter(what: str, steps: Iterable[T], total: int) -> Iterator[T]:
    """The steps themselves, with how far they are on stderr."""
    from roadmask.cli.display.progress import ProgressDisplay

    with ProgressDisplay(what) as display:
        display.update(0, total)
        for done, step in enumerate(steps, 1):
            yield step
            display.update(done, total)
