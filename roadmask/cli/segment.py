"""`roadmask segment`: masks of some photos, at once."""

from __future__ import annotations

from pathlib import Path

import click

from roadmask.cli.exits import Exit
from roadmask.cli.service import connect_or_start, connection, local
from roadmask.mask_formats import MASK_FORMATS, MaskFormat


@click.command()
@click.argument(
    "photos",
    metavar="PHOTO…",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("masks"),
    show_default=True,
    help="Folder of the masks.",
)
@click.option("--format", "form", type=click.Choice(MASK_FORMATS), default="png", show_default=True)
@click.option("--model", default="default", show_default=True)
@connection
@local
@click.pass_context
def segment(
    ctx: click.Context,
    photos: tuple[Path, ...],
    out: Path,
    form: MaskFormat,
    model: str,
    url: str | None,
    api_key: str | None,
    local: bool,
    data_dir: Path,
) -> None:
    """Masks of photos, served before any batch."""
    from roadmask.errors import RoadmaskError
    from roadmask.mask_files import mask_names, render, write_whole
    from roadmask.masks import encode_mask
    from roadmask.transport import STOPPERS

    names = mask_names([photo.name for photo in photos])
    failed = 0
    with connect_or_start(url, api_key, local, data_dir) as client:
        for photo in photos:
            target = out / names[photo.name]
            try:
                mask, item = client.segment(photo, model=model)
                write_whole(target, [render(encode_mask(mask), photo, form)])
            except STOPPERS:
                raise
            except RoadmaskError as error:
                failed += 1
                click.echo(f"failed: {photo}: {error.title}. {error.detail}", err=True)
                continue
            assert item.result is not None
            shares = sorted(item.result.shares.items(), key=lambda share: -share[1])[:3]
            most = ", ".join(f"{name} {share:.0%}" for name, share in shares)
            click.echo(f"{target}  {most}")
    ctx.exit(Exit.FAILURES if failed else Exit.OK)
