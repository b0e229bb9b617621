"""The options of commands that make masks: format, confidence, quality, pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from roadmask.cli.options.command import Command
from roadmask.cli.options.pixels import pixels_option
from roadmask.schemas.mask_formats import FILE_FORMATS
from roadmask.schemas.mask_parameters import MaskParameters, Quality
from roadmask.schemas.pixels import Pixels


def mask_format(
    default: str | None, explained: str, documents: Sequence[str] = ()
) -> Callable[[Command], Command]:
    """The option `--format` of commands that write masks."""
    return click.option(
        "--format",
        type=click.Choice([*map(str, FILE_FORMATS), *documents]),
        default=default,
        help=f"Format of the masks.  [default: {explained}]",
    )


def confidence(command: Command) -> Command:
    """The option `--confidence` of commands that write masks."""
    return click.option(
        "--confidence",
        metavar="FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Also write the confidence of each mask to another folder, under the mask's name: a "
        "grey PNG where 255 is certain.",
    )(command)


def mask_parameters(command: Command) -> Command:
    """The options of commands that make masks: the command gets them as `parameters`."""

    @wraps(command)
    def with_parameters(*args: Any, quality: Quality, pixels: Pixels | None, **kwargs: Any) -> Any:
        return command(*args, parameters=MaskParameters(quality=quality, pixels=pixels), **kwargs)

    quality = click.option(
        "--quality",
        type=click.Choice(get_args(Quality)),
        default="standard",
        show_default=True,
        help="How much work the model does for each image; its card says what each quality is.",
    )
    pixels = pixels_option("as the dataset, or each file, says")
    return quality(pixels(with_parameters))  # type: ignore[no-any-return]
