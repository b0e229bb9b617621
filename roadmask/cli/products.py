"""What `roadmask batch` makes of the results beside the masks: matches, a sheet, a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.service import Command

if TYPE_CHECKING:
    from roadmask.outcomes import FileResult
    from roadmask.panels import Panels

MATCHES = "matches.txt"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    where: str | None
    contact_sheet: Path | None
    video: Path | None
    fps: float

    def check(self, folder: Path, out: Path, form: str) -> None:
        """Raise `InvalidRequest` before hours of work for what could never be made."""
        from roadmask.panels import Panels
        from roadmask.where import parse_condition

        if self.where is not None:
            parse_condition(self.where)
        if self.contact_sheet or self.video:
            Panels(folder, out, form)

    def make(self, folder: Path, out: Path, form: str) -> int | None:
        """Make all of it from the results of the run; how many match, None without a condition."""
        from roadmask.outcomes import read_results
        from roadmask.panels import Panels

        results = [result for result in read_results(out) if result.mask]
        matching = None
        if self.where is not None:
            results = _matching(self.where, results, out)
            matching = len(results)
        if self.contact_sheet and _some(results, "contact sheet"):
            title = " · ".join(filter(None, (folder.resolve().name, self.where)))
            _draw(self.contact_sheet, title, Panels(folder, out, form), results)
        if self.video and _some(results, "video"):
            _film(self.video, Panels(folder, out, form), results, self.fps)
        return matching


def products(command: Command) -> Command:
    """The options of what is made beside the masks."""
    file = click.Path(dir_okay=False, path_type=Path)
    options = (
        click.option(
            "--where",
            metavar="CONDITION",
            help="List the images whose masks are so, as 'human > 0.5% and sky < 10%', in "
            f"OUT/{MATCHES}; a sheet or a video shows only these.",
        ),
        click.option(
            "--contact-sheet",
            metavar="FILE",
            type=file,
            help="One picture of images beside their overlays, with names and shares (.jpg, .png).",
        ),
        click.option(
            "--video",
            metavar="FILE",
            type=file,
            help="An MP4 of the images in the order of their names, each beside its overlay.",
        ),
        click.option(
            "--fps",
            type=click.FloatRange(0.1, 120),
            default=10.0,
            show_default=True,
            help="Images per second of the video.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _matching(where: str, results: Sequence[FileResult], out: Path) -> list[FileResult]:
    """Those that match; their names go into a file, relative to the folder, one a line."""
    import os

    from roadmask.mask_files import write_whole
    from roadmask.where import parse_condition

    holds = parse_condition(where)
    found = [result for result in results if holds(result.shares)]
    write_whole(out / MATCHES, (os.fsencode(f"{result.image}\n") for result in found))
    return found


def _some(results: Sequence[FileResult], what: str) -> bool:
    if not results:
        click.echo(f"There is no {what}: no image matches.", err=True)
    return bool(results)


def _draw(file: Path, title: str, panels: Panels, results: Sequence[FileResult]) -> None:
    from roadmask.contact_sheet import ContactSheet
    from roadmask.mask_files import write_whole
    from roadmask.pixels import encode_jpeg, encode_png

    sheet = ContactSheet(panels, title).draw(results)
    encode = encode_png if file.suffix.lower() == ".png" else encode_jpeg
    write_whole(file, [encode(sheet)])
    click.echo(f"Contact sheet: {file}", err=True)


def _film(file: Path, panels: Panels, results: Sequence[FileResult], fps: float) -> None:
    from roadmask.cli.meter import Meter
    from roadmask.video import write_video

    with Meter("filming") as meter:
        frames = write_video(
            file,
            panels,
            results,
            fps,
            on_frame=lambda done: meter.show(done, len(results)),
        )
    click.echo(f"Video: {file} ({frames} images, {frames / fps:.1f} s)", err=True)
