"""New images for every run, so that none of their masks is stored already."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.scenes import render
from roadmask.images.decoding import decode, encode_jpeg
from roadmask.settings import Settings

MAX_PIXELS = Settings().max_image_pixels
SCENES = 4
_numbers = itertools.count(int.from_bytes(os.urandom(4)))


def jpegs(count: int, size: tuple[int, int]) -> Iterator[bytes]:
    """JPEGs of a few scenes, `size` is (width, height); each one has a unique number drawn in."""
    for _ in range(count):
        number = next(_numbers)
        picture = scene(number % SCENES, size).copy()
        # Blocks of 8x8 pixels, which JPEG encodes separately; the last digits come first, because
        # small images have no room for all.
        for bit, character in enumerate(reversed(f"{number:040b}")):
            picture[-8:, 8 * bit : 8 * bit + 8] = 255 * int(character)
        yield encode_jpeg(picture, 92)


def empty(folder: Path) -> None:
    """Free the disk space of all files in a folder, and keep their names.

    For a minute after many files were deleted, ext4 takes up to 20 times as long to make a file:
    what is measured next would be slower the more files it writes.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)


def write(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """The same, written to `folder`."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number:06d}.jpg" for number in range(count)]
    for path, data in zip(paths, jpegs(count, size), strict=True):
        path.write_bytes(data)
    return paths


def pixels(path: Path) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3)."""
    return decode(path.read_bytes(), MAX_PIXELS)


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) from a text like `480x360`."""
    width, height = (int(side) for side in text.split("x"))
    return width, height


def rate(count: int, run: Callable[[], object]) -> float:
    """Images per second of a run over `count` images."""
    start = time.perf_counter()
    run()
    return count / (time.perf_counter() - start)


@lru_cache
def scene(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) of a rendered scene; `size` is (width, height)."""
    return render(seed, *size).image
