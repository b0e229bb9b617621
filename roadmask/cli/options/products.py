"""What `roadmask batch` makes of its results: a list of matches, a contact sheet, a video."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.command import Command
from roadmask.folder.results import MATCHES
from roadmask.schemas.mask_formats import FOLDER_DOCUMENTS
from roadmask.schemas.pixels import AS_STORED

if TYPE_CHECKING:
    from roadmask.folder.options import RunOptions
    from roadmask.folder.reports.panels import Panels
    from roadmask.folder.results import FileResult


@dataclass(frozen=True, slots=True)
class Products:
    """The options of `product_options`."""

    where: str | None
    contact_sheet: Path | None
    video: Path | None
    fps: float

    def check(self, options: RunOptions) -> None:
        """Raises `InvalidRequest` before hours of work if one of them cannot be made."""
        _check_suffix("--contact-sheet", self.contact_sheet, ".jpg", ".jpeg", ".png")
        _check_suffix("--video", self.video, ".mp4")
        from roadmask.folder.reports.conditions import parse_condition

        if self.where is not None:
            parse_condition(self.where)
        if self.contact_sheet or self.video:
            _panels(options)

    def without_own(self, names: Sequence[str], out: Path) -> list[str]:
        """Those of these names in the output folder that are none of its files."""
        own = self.contact_sheet and self.contact_sheet.resolve()
        return [name for name in names if (out / name).resolve() != own]

    def make(self, options: RunOptions, asked: str | None) -> int | None:
        """Make all of them; the number of matches, or None without a condition.

        `asked` is the format that `--format` names.
        """
        from roadmask.folder.results import read_results

        folder, out = options.folder, options.out
        results = [result for result in read_results(out) if result.mask]
        matching = None
        if self.where is not None:
            results = _write_matches(self.where, results, out)
            matching = len(results)
        if self.contact_sheet and _any(results, "contact sheet"):
            title = " · ".join(filter(None, (folder.resolve().name, self.where)))
            _write_sheet(self.contact_sheet, title, _panels(options), results)
        if self.video and _any(results, "video"):
            _write_video(self.video, _panels(options), results, self.fps)
        if asked in FOLDER_DOCUMENTS and _any(results, "document"):
            _write_document(asked, results, out)
        return matching


def _panels(options: RunOptions) -> Panels:
    from roadmask.folder.reports.panels import Panels

    said = options.parameters.pixels or AS_STORED
    return Panels(options.folder, options.out, options.format, said)


def product_options(command: Command) -> Command:
    """The options `--where`, `--contact-sheet`, `--video` and `--fps`: the command gets them as
    `products`.
    """

    @wraps(command)
    def with_products(*args: Any, **kwargs: Any) -> Any:
        names = [member.name for member in fields(Products)]
        products = Products(**{name: kwargs.pop(name) for name in names})
        return command(*args, products=products, **kwargs)

    file = click.Path(dir_okay=False, path_type=Path)
    options = (
        click.option(
            "--where",
            metavar="CONDITION",
            help="List the images whose masks match, for example 'human > 0.5% and sky < 10%', in "
            f"OUT/{MATCHES}. A contact sheet or video then shows only these.",
        ),
        click.option(
            "--contact-sheet",
            metavar="FILE",
            type=file,
            help="One picture of the images beside their overlays, with names and shares "
            "(.jpg, .png).",
        ),
        click.option(
            "--video",
            metavar="FILE",
            type=file,
            help="An MP4 of the images beside their overlays, in the order of their names.",
        ),
        click.option(
            "--fps",
            type=click.FloatRange(0.1, 120),
            default=10.0,
            show_default=True,
            help="Images per second of the video.",
        ),
    )
    decorated: Any = with_products
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _check_suffix(option: str, file: Path | None, *suffixes: str) -> None:
    from roadmask.errors import InvalidRequest

    if file is not None and file.suffix.lower() not in suffixes:
        raise InvalidRequest(
            f"{option} is written as {' or '.join(suffixes)}: {file} has another suffix."
        )


def _write_matches(where: str, results: Sequence[FileResult], out: Path) -> list[FileResult]:
    """The results that match, whose names go into `MATCHES`, relative to the folder, one a line."""
    from roadmask.atomic import write_atomically
    from roadmask.folder.reports.conditions import parse_condition

    matches = parse_condition(where)
    found = [result for result in results if matches(result.shares)]
    write_atomically(out / MATCHES, (os.fsencode(f"{result.image}\n") for result in found))
    return found


def _write_document(kind: str, results: Sequence[FileResult], out: Path) -> None:
    """The masks for another tool, beside the files that they are made from."""
    from roadmask.folder.reports.document import FolderDocument

    document = FolderDocument(out, results)
    path = document.write(kind)
    for image in document.left_out:
        say(f"{image} is not in the document: its file cannot be read or written.", err=True)
    say(f"Document: {path} ({len(results) - len(document.left_out)} images)", err=True)


def _any(results: Sequence[FileResult], product: str) -> bool:
    if not results:
        say(f"No {product} is written: no image matches.", err=True)
    return bool(results)


def _write_sheet(file: Path, title: str, panels: Panels, results: Sequence[FileResult]) -> None:
    from roadmask.atomic import write_atomically
    from roadmask.folder.reports.contact_sheet import ContactSheet
    from roadmask.images.decoding import encode_jpeg, encode_png

    sheet = ContactSheet(panels, title).draw(results)
    encode = encode_png if file.suffix.lower() == ".png" else encode_jpeg
    write_atomically(file, [encode(sheet)])
    say(f"Contact sheet: {file}", err=True)


def _write_video(file: Path, panels: Panels, results: Sequence[FileResult], fps: float) -> None:
    from roadmask.cli.display.progress import ProgressDisplay
    from roadmask.folder.reports.video import write_video

    with ProgressDisplay("encoding the video") as display:
        display.update(0, len(results))
        frames = write_video(
            file,
            panels,
            results,
            fps,
            on_frame=lambda done: display.update(done, len(results)),
        )
    say(f"Video: {file} ({frames} images, {frames / fps:.1f} s)", err=True)
