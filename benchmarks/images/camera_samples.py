"""`python -m benchmarks.images.camera_samples FOLDER`: masks of camera data and of 8-bit images.

8-bit street images become what a camera would have stored: deep, linear, mosaicked, with a hot
pixel, thermal-like. Each goes through a PNG of 16 bits and `decode`, without and with the setting
`pixels`, and the mask is compared with that of the 8-bit original: mean IoU over the categories
that occur, pixels pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from ml.data.samples import annotated_samples, read_pair
from ml.engines.choice import choose
from ml.inference.predictor import Predictor
from ml.registry.artifact import find_artifact
from roadmask.images.decoding import Decoded, decode_sniffed
from roadmask.images.sniffing import sniff
from roadmask.masks.scores import confusion, scores
from roadmask.schemas.pixels import AS_STORED, CfaPattern, Pixels
from roadmask.settings import Settings

MAX_PIXELS = 100_000_000
Image = NDArray[np.uint8]
Deep = NDArray[np.uint16]
PERCENTILE = Pixels(range="percentile")


@dataclass(frozen=True)
class Camera:
    """How a camera stores an image, and what is said about it in the job."""

    name: str
    store: Callable[[Image], Deep]
    said: Pixels


def deep(image: Image, bits: int) -> Deep:
    return np.asarray(np.rint(image * ((2**bits - 1) / 255)).astype(np.uint16))


def linear(image: Image, bits: int) -> Deep:
    """Proportional to light: the curve of sRGB undone."""
    scaled = image / 255
    light = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(light * (2**bits - 1)).astype(np.uint16))


def mosaic(samples: Deep, pattern: str) -> Deep:
    """One colour for each pixel, as behind a colour filter array."""
    stored = np.empty(samples.shape[:2], np.uint16)
    for place, color in enumerate(pattern):
        row, column = divmod(place, 2)
        stored[row::2, column::2] = samples[row::2, column::2, "RGB".index(color)]
    return stored


def bayer(image: Image, bits: int, pattern: str) -> Deep:
    return mosaic(deep(image, bits), pattern)


def linear_bayer(image: Image, bits: int, pattern: str) -> Deep:
    return mosaic(linear(image, bits), pattern)


def with_hot_pixel(image: Image, bits: int) -> Deep:
    stored = deep(image, bits)
    stored[len(stored) // 2, stored.shape[1] // 3] = 65535
    return stored


def dark(image: Image) -> Deep:
    return deep(image // 4, 12)


def grey(image: Image) -> Deep:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint16)  # type: ignore[no-any-return]


def thermal(image: Image) -> Deep:
    """Grey in a narrow part of 16 bits."""
    return (7000 + grey(image) * (2000 / 255)).astype(np.uint16)


def cameras() -> Iterator[Camera]:
    for bits in (10, 12, 14, 16):
        yield Camera(f"{bits} bits", partial(deep, bits=bits), Pixels(bits=bits))
    for bits in (10, 12, 14):
        store = partial(with_hot_pixel, bits=bits)
        yield Camera(f"{bits} bits, one pixel of 65535", store, Pixels(bits=bits))
    yield Camera("12 bits, a quarter as bright", dark, Pixels(bits=12))
    for bits in (10, 12, 14, 16):
        said = Pixels(bits=bits, curve="linear")
        yield Camera(f"{bits} bits, linear", partial(linear, bits=bits), said)
    for pattern in get_args(CfaPattern):
        store = partial(bayer, bits=12, pattern=pattern)
        yield Camera(f"12 bits, {pattern}", store, Pixels(bits=12, cfa=pattern))
    said = Pixels(bits=12, cfa="RGGB", curve="linear")
    yield Camera("12 bits, RGGB, linear", partial(linear_bayer, bits=12, pattern="RGGB"), said)
    yield Camera("grey", grey, Pixels(bits=8))
    yield Camera("thermal-like, 7000 to 9000", thermal, Pixels(range=(7000, 9000)))


def read_back(stored: Deep, said: Pixels) -> Decoded:
    bgr = stored if stored.ndim == 2 else stored[..., ::-1]
    data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    return decode_sniffed(data, sniff(data, MAX_PIXELS), MAX_PIXELS, None, said)


def agreement(expected: Sequence[Image], masks: Sequence[Image]) -> str:
    """Mean IoU, pixels pooled."""
    counts = np.sum([confusion(*pair) for pair in zip(expected, masks, strict=True)], axis=0)
    return f"{scores(counts, images=len(masks)).mean_iou:.3f}"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--images", default=12, show_default=True, help="Images, spread over the folder.")
@click.option("--start", default=0, show_default=True, help="The first of them.")
@click.option("--only", multiple=True, help="Cameras whose names contain this; may be repeated.")
@click.option("--model", default="default", show_default=True)
def camera_samples(
    folder: Path, images: int, start: int, only: tuple[str, ...], model: str
) -> None:
    """Masks of synthesised camera data against those of the 8-bit images in FOLDER."""
    artifact = find_artifact(model)
    predictor = Predictor(artifact, choose(artifact, Settings()))
    samples = annotated_samples(folder)
    chosen = samples[start :: max(1, len(samples) // images)][:images]
    pictures = [read_pair(each)[0] for each in chosen]
    expected = predictor.predict(pictures)
    print("| camera | nothing said | percentile | said | `--pixels` | warned |")
    print("|---|---|---|---|---|---|")
    for camera in cameras():
        if only and not any(part in camera.name for part in only):
            continue
        stored = [camera.store(picture) for picture in pictures]
        figures = []
        for said in (AS_STORED, PERCENTILE, camera.said):
            masks = predictor.predict([read_back(each, said).pixels for each in stored])
            figures.append(agreement(expected, masks))
        warned = sum(bool(read_back(each, AS_STORED).warnings) for each in stored)
        row = [camera.name, *figures, f"`{camera.said}`", f"{warned} of {len(stored)}"]
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    camera_samples()
