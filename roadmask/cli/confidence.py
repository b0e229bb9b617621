"""`--confidence`: the option of all commands that write masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def confidence(command: F) -> F:
    """Give a command the option."""
    option = click.option(
        "--confidence",
        metavar="FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Also write how sure the model is of each pixel, as a grey PNG (255 is certain) under "
        "the mask's name in another folder.",
    )
    return option(command)
