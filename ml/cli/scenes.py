"""`roadmask scenes`: a folder of synthetic street photographs with their masks."""

from __future__ import annotations

import re
from pathlib import Path

import click
from rich.progress import track

_SIZE = re.compile(r"(\d+)x(\d+)")
_QUALITY = 92


class Size(click.ParamType[tuple[int, int]]):
    """A picture's size, written 480x360."""

    name = "WIDTHxHEIGHT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Width and height, pixels."""
        match = _SIZE.fullmatch(str(value))
        if match is None or not all(32 <= int(part) <= 8192 for part in match.groups()):
            self.fail(f"{value!r} is not a size: write it like 480x360, 32 to 8192.", param, ctx)
        return int(match[1]), int(match[2])


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--count", type=click.IntRange(1), default=100, show_default=True, help="Number of scenes."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first scene."
)
@click.option(
    "--size", type=Size(), default="480x360", show_default=True, help="Size of a scene, in pixels."
)
@click.option("--png", is_flag=True, help="Write images without loss instead of JPEG.")
def scenes(out: Path, count: int, seed: int, size: tuple[int, int], png: bool) -> None:
    """Render street scenes with exact truth into OUT/images and OUT/masks.

    Scene number N of a run has the seed SEED + N - 1, so runs can be continued.
    """
    render_scenes(out, count, seed, size, png)
    click.echo(f"{count} scenes in {out}")


def render_scenes(out: Path, count: int, seed: int, size: tuple[int, int], png: bool) -> None:
    """Write this many scenes of `size` (width, height) pixels, the first one from `seed`."""
    from ml.scenes import render
    from roadmask.images.decoding import encode_jpeg, encode_png
    from roadmask.masks.codec import encode_mask

    for folder in ("images", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for number in track(range(1, count + 1), description="Rendering"):
        scene = render(seed + number - 1, *size)
        image = encode_png(scene.image) if png else encode_jpeg(scene.image, _QUALITY)
        (out / "images" / f"{number:06d}.{'png' if png else 'jpg'}").write_bytes(image)
        (out / "masks" / f"{number:06d}.png").write_bytes(encode_mask(scene.truth))
