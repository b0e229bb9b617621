"""`roadmask segment`: masks of some photos, at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roadmask.cli.confidence import confidence
from roadmask.cli.exits import Exit
from roadmask.cli.service import connect_or_start, connection, local
from roadmask.mask_formats import FILE_FORMATS, MaskFormat

if TYPE_CHECKING:
    from roadmask.client import Client
    from roadmask.jobs import Item, Job


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is written of each photo, and where."""

    out: Path
    form: MaskFormat
    confidence: Path | None


@click.command()
@click.argument(
    "photos",
    metavar="PHOTO…",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("masks"),
    show_default=True,
    help="Folder of the masks.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in FILE_FORMATS]),
    default="png",
    show_default=True,
)
@click.option("--model", default="default", show_default=True)
@confidence
@connection
@local
@click.pass_context
def segment(
    ctx: click.Context,
    photos: tuple[Path, ...],
    out: Path,
    form: str,
    model: str,
    confidence: Path | None,
    url: str | None,
    api_key: str | None,
    local: bool,
    data_dir: Path,
) -> None:
    """Masks of photos, served before any batch."""
    from roadmask.mask_files import mask_names

    for photo in photos:
        if photo.is_dir():
            raise click.UsageError(
                f"{photo} is a folder: `roadmask batch {photo} --out {out}` takes all in it."
            )
    root = Path(os.path.commonpath([photo.resolve().parent for photo in photos]))
    below = [photo.resolve().relative_to(root).as_posix() for photo in photos]
    names = mask_names(below, MaskFormat(form))
    with connect_or_start(url, api_key, local, data_dir) as client:
        targets = {photo: names[name] for photo, name in zip(photos, below, strict=True)}
        wanted = Wanted(out, MaskFormat(form), confidence)
        made = _segment(client, targets, wanted, model)
    ctx.exit(Exit.OK if made == len(targets) else Exit.FAILURES)


def _segment(client: Client, targets: dict[Path, str], wanted: Wanted, model: str) -> int:
    """Write the mask of each photo under its name; how many there are."""
    from roadmask.errors import RoadmaskError
    from roadmask.jobs import Lane
    from roadmask.transport import STOPPERS

    ids: dict[Path, str] = {}
    for photo in targets:
        try:
            ids[photo] = client.upload(photo).id
        except STOPPERS:
            raise
        except RoadmaskError as error:
            _fail(photo, f"{error.title}. {error.detail}")
    if not ids:
        return 0
    sure = wanted.confidence is not None
    asked = client.submit(ids.values(), model=model, lane=Lane.INTERACTIVE, confidence=sure)
    job = client.wait(asked)
    items = zip(ids, client.results(job), strict=True)
    return sum(_save(client, job, photo, item, targets[photo], wanted) for photo, item in items)


def _save(client: Client, job: Job, photo: Path, item: Item, name: str, wanted: Wanted) -> bool:
    from roadmask.mask_files import confidence_name, mask_file, write_whole

    if item.result is None:
        cause = f"{item.error.title}. {item.error.detail}" if item.error else f"It is {item.state}."
        _fail(photo, cause)
        return False
    target, grey = wanted.out / name, None
    if wanted.confidence is not None:
        grey = client.rendering(job, item.index, MaskFormat.CONFIDENCE)
        write_whole(wanted.confidence / confidence_name(name), [grey])
    write_whole(target, [mask_file(client.mask_bytes(item), photo, wanted.form, grey)])
    shares = sorted(item.result.shares.items(), key=lambda share: -share[1])[:3]
    click.echo(f"{target}  {', '.join(f'{name} {share:.0%}' for name, share in shares)}")
    return True


def _fail(photo: Path, cause: str) -> None:
    click.echo(f"failed: {photo}: {cause}", err=True)
