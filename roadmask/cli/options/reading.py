"""The options of commands that read folders of annotated images."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from roadmask.cli.options.command import Command
from roadmask.cli.options.pixels import pixels_option
from roadmask.schemas.pixels import AS_STORED, Pixels


def reading_options(command: Command) -> Command:
    """The options of commands that read folders of annotated images: the command gets them as
    `reading`.
    """

    @wraps(command)
    def with_reading(
        *args: Any, labels: str | None, unknown: str, pixels: Pixels | None, **kwargs: Any
    ) -> Any:
        # Loads NumPy, which no help needs.
        from roadmask.images.labels.label_option import LabelOption
        from roadmask.images.reading import Reading

        option = LabelOption(labels, unknown == "void")
        return command(*args, reading=Reading(option, pixels or AS_STORED), **kwargs)

    name = click.option(
        "--labels",
        metavar="NAME|FILE.json",
        help="Label set of the masks, such as cityscapes or mapillary, or a file that gives ids or "
        "colours a category.  [default: found from all masks]",
    )
    unknown = click.option(
        "--unknown",
        type=click.Choice(("refuse", "void")),
        default="refuse",
        show_default=True,
        help="What to do with labels that the label set does not have.",
    )
    return name(unknown(pixels_option("as each file says")(with_reading)))  # type: ignore[no-any-return]
