"""`roadmask segment`: masks of a few photos at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from roadmask.cli.display.output import say
from roadmask.cli.options.connection import connect_or_start, connection, local
from roadmask.cli.options.masks import confidence, mask_format, mask_parameters
from roadmask.exit_codes import Exit
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.schemas.pixels import AS_STORED

if TYPE_CHECKING:
    from roadmask.client.client import Client
    from roadmask.folder.photo_masks import PhotoMasks
    from roadmask.folder.results import FileResult
    from roadmask.schemas.jobs import Item, Job
    from roadmask.schemas.mask_parameters import MaskParameters

STANDARD_STREAM = "-"


@click.command()
@click.argument(
    "photos", metavar="PHOTO…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    help="Folder of the masks; `-` writes the mask of one photo to stdout.  [default: masks, or "
    "`-` if the photo is read from stdin]",
)
@click.option("--force", is_flag=True, help="Overwrite files that are not known as masks.")
@mask_format("png", "png, which viewers show in colours")
@click.option("--model", default="default", show_default=True)
@mask_parameters
@confidence
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
@connection
@local
@click.pass_context
def segment(
    ctx: click.Context,
    photos: tuple[Path, ...],
    out: str | None,
    force: bool,
    format: str,
    model: str,
    confidence: Path | None,
    as_json: bool,
    url: str | None,
    api_key: str | None,
    local: bool,
    data_dir: Path,
    parameters: MaskParameters,
) -> None:
    """Segment photos before any batch job. The photo `-` is read from stdin.

    The mask of `a/x.jpg` is `OUT/x.png`. A photo is never overwritten, and a file that is not known
    as a mask only with --force.
    """
    from roadmask.folder.mask_file import MaskWriter
    from roadmask.folder.photo_masks import PhotoMasks

    if out is None:
        out = STANDARD_STREAM if str(photos[0]) == STANDARD_STREAM and not as_json else "masks"
    _check_streams(photos, out, as_json)
    to_stdout = out == STANDARD_STREAM
    request = {"model": model, **parameters.model_dump()}
    with _readable(photos) as files, TemporaryDirectory() as scratch:
        if not any(file.exists() for file in files):
            raise click.UsageError(f"There is no file {files[0]}.")
        folder = Path(scratch if to_stdout else out)
        said = parameters.pixels or AS_STORED
        masks = PhotoMasks.of(files, MaskWriter(folder, MaskFormat(format), confidence, said))
        if not to_stdout:
            masks.check(force=force)
        with connect_or_start(url, api_key, local, data_dir) as client:
            results = _segment(client, masks, request)
        if str(photos[0]) == STANDARD_STREAM:
            results = [replace(results[0], image=STANDARD_STREAM)]
        if to_stdout and results[0].mask:
            sys.stdout.buffer.write((folder / results[0].mask).read_bytes())
    if as_json:
        click.echo(json.dumps({"out": str(folder), "results": [each.line() for each in results]}))
    else:
        _print([each for each in results if each.error or not to_stdout], folder)
    ctx.exit(Exit.FAILURES if any(each.error for each in results) else Exit.OK)


def _check_streams(photos: tuple[Path, ...], out: str, as_json: bool) -> None:
    for photo in photos:
        if photo.is_dir():
            raise click.UsageError(
                f"{photo} is a folder: `roadmask batch {photo} --out {out}` segments all of it."
            )
        if photo.is_fifo():
            raise click.UsageError(f"{photo} is a pipe: let `roadmask segment -` read from it.")
    if out != STANDARD_STREAM and Path(out).exists() and not Path(out).is_dir():
        raise click.UsageError(f"--out names a folder, or `-`: {out} is a file.")
    if len(photos) > 1 and STANDARD_STREAM in (out, *map(str, photos)):
        raise click.UsageError("`-` stands for one photo and one mask; name no other photo.")
    if out == STANDARD_STREAM and as_json:
        raise click.UsageError("--json and --out - both write to stdout; choose one.")
    if out == STANDARD_STREAM and sys.stdout.isatty():
        raise click.UsageError("The mask is not text: write stdout to a file, or name a folder.")


@contextmanager
def _readable(photos: tuple[Path, ...]) -> Iterator[list[Path]]:
    """The photos as files: `-` is one as long as the block runs."""
    with TemporaryDirectory() as folder:
        stdin = Path(folder) / "stdin"
        if str(photos[0]) == STANDARD_STREAM:
            stdin.write_bytes(sys.stdin.buffer.read())
        yield [stdin if str(photo) == STANDARD_STREAM else photo for photo in photos]


def _segment(client: Client, masks: PhotoMasks, request: dict[str, Any]) -> list[FileResult]:
    """Write the mask of each photo; the results, in the order of the photos."""
    from roadmask.client.image_sender import unreadable
    from roadmask.client.sources import client_name
    from roadmask.client.transport import SERVICE_ERRORS
    from roadmask.errors import RoadmaskError
    from roadmask.folder.results import FileResult
    from roadmask.schemas.jobs import ImageRef, Lane

    results: dict[Path, FileResult] = {}
    images: dict[Path, ImageRef] = {}
    for photo in masks.names:
        try:
            images[photo] = ImageRef(id=client.upload(photo).id, custom_id=client_name(photo.name))
        except SERVICE_ERRORS:
            raise
        except RoadmaskError as error:
            results[photo] = FileResult.of_error(str(photo), None, error)
        except OSError as error:
            results[photo] = FileResult.of_error(str(photo), None, unreadable(error))
    if images:
        job = client.wait(
            client.submit(
                images.values(),
                lane=Lane.INTERACTIVE,
                confidence=masks.writer.confidence is not None,
                **request,
            )
        )
        for photo, item in zip(images, client.results(job), strict=True):
            try:
                results[photo] = _save(client, job, item, photo, masks)
            except SERVICE_ERRORS:
                raise
            except RoadmaskError as error:
                results[photo] = FileResult.of_error(str(photo), None, error)
    return [results[photo] for photo in masks.names]


def _save(client: Client, job: Job, item: Item, photo: Path, masks: PhotoMasks) -> FileResult:
    from roadmask.folder.results import FileResult

    name = None
    if item.result is not None:
        confidence = None
        if masks.writer.confidence is not None:
            confidence = client.rendering(job, item.index, MaskFormat.CONFIDENCE)
        name = masks.names[photo]
        masks.writer.write(name, photo, client.mask_bytes(item), confidence)
        masks.record(photo)
    sha256 = item.image_id.removeprefix("sha256-")
    return FileResult.of_item(str(photo), sha256, item, name, job.id)


def _print(results: list[FileResult], folder: Path) -> None:
    for each in results:
        if each.mask is not None:
            shares = sorted(each.shares.items(), key=lambda share: -share[1])[:3]
            named = ", ".join(f"{name} {share:.0%}" for name, share in shares)
            say(f"{folder / each.mask}  {named}")
        elif each.error is not None:
            say(f"failed: {each.image}: {each.error.title}. {each.error.detail}", err=True)
