"""Options that several commands share, and the client that `--url` and `--local` stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
from click.core import ParameterSource
from pydantic import ValidationError

from roadmask.cli.display.output import say
from roadmask.folder.selection import Selection
from roadmask.schemas.mask_formats import FILE_FORMATS
from roadmask.schemas.mask_parameters import MaskParameters, Quality
from roadmask.schemas.pixels import AS_STORED, Pixels, RequestedPixels

if TYPE_CHECKING:
    from roadmask.client.client import Client

Command = TypeVar("Command", bound=Callable[..., Any])

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


def log(message: str) -> None:
    """Print a message on stderr; stdout is for the output of the command."""
    say(f"· {message}", err=True)
