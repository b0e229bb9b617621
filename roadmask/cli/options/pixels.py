"""The option `--pixels`: what samples mean that are not plain 8-bit colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from pydantic import ValidationError

from roadmask.schemas.pixels import RequestedPixels


def pixels_option(default: str) -> Callable[[Any], Any]:
    """The option `--pixels` of commands that read images."""
    return click.option(
        "--pixels",
        type=PixelsOption(),
        help="What deep, raw or thermal samples of all images mean: bits=8..16, cfa=RGGB (or BGGR, "
        "GRBG, GBRG), curve=linear, range=LOW..HIGH or range=percentile, with commas between them. "
        f" [default: {default}]",
    )


class PixelsOption(click.ParamType):  # type: ignore[type-arg]
    """`Pixels` on a command line: `bits=12,cfa=RGGB,curve=linear,range=256..4095`."""

    name = "NAME=VALUE,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        members: dict[str, Any] = {}
        for text in value.split(","):
            name, _, given = text.strip().partition("=")
            low, dots, high = given.partition("..")
            members[name] = [low, high] if dots else given
        try:
            return RequestedPixels.model_validate(members)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"][:1])
            self.fail(f"{value!r}: {place or 'value'}: {first['msg']}.", param, ctx)
