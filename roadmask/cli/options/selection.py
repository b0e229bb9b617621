"""The options that take some of the images of a folder."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from roadmask.cli.options.command import Command
from roadmask.folder.selection import Selection


def selection_options(command: Command) -> Command:
    """The options that take some of the images of a folder: the command gets a `selection`."""

    @wraps(command)
    def with_selection(
        *args: Any,
        include: tuple[str, ...],
        exclude: tuple[str, ...],
        limit: int | None,
        **kwargs: Any,
    ) -> Any:
        return command(*args, selection=Selection(include, exclude, limit), **kwargs)

    decorated: Any = with_selection
    for option in (
        click.option(
            "--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N images."
        ),
        click.option(
            "--exclude", multiple=True, metavar="PATTERN", help="Leave these out; as --include."
        ),
        click.option(
            "--include",
            multiple=True,
            metavar="PATTERN",
            help="Take only images whose path, file name or folder matches, such as `*.jpg` or "
            "`cam1`; may be repeated.",
        ),
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
