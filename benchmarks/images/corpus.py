"""`python -m benchmarks.images.corpus FOLDER…`: public test images, read by Roadmask and by Pillow.

Sources that carry such images: Pillow's on PyPI, Debian's of opencv, tiff, exiv2, vips, libheif,
libwebp, libjpeg-turbo, openjpeg2, graphicsmagick, golang-golang-x-image, leptonlib, libgd2 and
freeimage (`apt-get source --download-only`), PngSuite in those of pypng, and scikit-image's data.
Unpack them, and name the folders. An image is `equal` if the mean difference is at most 2, or if
one is proportional to the other, as 16-bit grey is.
"""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from roadmask.errors import ImageAnimated, ItemError, UnsupportedFormat
from roadmask.images.decoding import decode
from roadmask.images.sniffing import SUFFIXES

MAX_PIXELS = 50_000_000
NEAR = 2.0
OUTCOMES = (
    "equal",
    "different",
    "refused by both",
    "read by Roadmask alone",
    "refused: several frames",
    "refused: form named",
    "refused: damaged",
    "other error",
)
EXTRA_SUFFIXES = {".gif", ".jp2", ".j2k", ".jxl", ".psd", ".ico", ".dng", ".nef"}


def by_pillow(data: bytes) -> NDArray[np.uint8] | None:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except Exception:
        return None


def outcome(data: bytes) -> str:
    expected = by_pillow(data)
    try:
        pixels = decode(data, MAX_PIXELS)
    except ItemError as error:
        if expected is None:
            return "refused by both"
        if isinstance(error, ImageAnimated):
            return "refused: several frames"
        is_named = isinstance(error, UnsupportedFormat)
        return "refused: form named" if is_named else "refused: damaged"
    except Exception:
        return "other error"
    if expected is None:
        return "read by Roadmask alone"
    if pixels.shape != expected.shape:
        return "different"
    difference = np.abs(pixels.astype(int) - expected).mean()
    if difference <= NEAR or expected.std() == 0 or pixels.std() == 0:
        return "equal"
    proportional = np.corrcoef(pixels.ravel(), expected.ravel())[0, 1] > 0.999
    return "equal" if proportional else "different"


@click.command()
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--list", "listed", is_flag=True, help="Also print what is not equal.")
def corpus(folders: tuple[Path, ...], listed: bool) -> None:
    """A table of how the images below FOLDERS are read."""
    warnings.simplefilter("ignore")
    table: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES | EXTRA_SUFFIXES or not path.is_file():
            continue
        found = outcome(path.read_bytes())
        table[suffix if suffix in SUFFIXES else "others"][found] += 1
        if listed and found not in ("equal", "refused by both"):
            print(f"{found}: {path}")
    print(f"| files | {' | '.join(OUTCOMES)} |")
    print("|---" * (len(OUTCOMES) + 1) + "|")
    for kind, counts in sorted(table.items()):
        row = [str(counts[each]) for each in OUTCOMES]
        print(f"| {sum(counts.values())} {kind} | {' | '.join(row)} |")


if __name__ == "__main__":
    corpus()
