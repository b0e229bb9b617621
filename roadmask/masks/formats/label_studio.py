"""Label Studio: tasks whose predictions are brush strokes, for its import and its ML backends.

Source: Label Studio's task format and its brush regions, whose runs are packed as in rle-pack of
the thi.ng/umbrella libraries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.masks.formats.masked_image import MaskedImage

WORD = 8
"""Bits of a value."""
RUN_BITS = np.array([3, 4, 8, 16])
"""Sizes, in bits, of a run's length; the smallest that holds it is used."""
LONGEST_RUN = 2**16


def brush_rle(pixels: NDArray[np.bool_]) -> list[int]:
    """The True pixels, bool (H, W), as the bytes of a brush region.

    Label Studio packs the RGBA of the stroke, here 255 in all four channels: a header of the
    number of values (32 bits), the word size less 1 (5) and the four run sizes less 1 (4 each);
    then for each run a 1, the place of its size (2), its length less 1, and its value.
    """
    values = pixels.ravel()
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    lengths = np.diff(starts, append=values.size) * 4
    pieces = -(-lengths // LONGEST_RUN)
    last = np.cumsum(pieces) - 1
    words = np.repeat(values[starts] * np.int64(255), pieces)
    parts = np.full(words.size, LONGEST_RUN)
    parts[last] = lengths - (pieces - 1) * LONGEST_RUN
    place = np.searchsorted(2**RUN_BITS, parts)
    size = RUN_BITS[place]
    codes = (((4 | place) << size | parts - 1) << WORD) | words
    header = np.array([values.size * 4, WORD - 1, *(RUN_BITS - 1)])
    bits = (_bits(header, np.array([32, 5, 4, 4, 4, 4])), _bits(codes, 3 + size + WORD))
    packed: list[int] = np.packbits(np.concatenate(bits).astype(np.bool_)).tolist()
    return packed


def brush_results(
    image: MaskedImage, from_name: str = "tag", to_name: str = "image"
) -> list[dict[str, Any]]:
    """One brush region for each category in the mask, without void.

    `from_name` and `to_name` are the names of the labels and of the image in the labelling setup.
    """
    width, height = image.size
    return [
        {
            "id": f"{image.index}-{category.name}",
            "from_name": from_name,
            "to_name": to_name,
            "type": "brushlabels",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": brush_rle(pixels), "brushlabels": [category.name]},
        }
        for category, pixels in image.regions()
    ]


def label_studio_tasks(images: Iterable[MaskedImage]) -> Iterator[bytes]:
    """A JSON list with one task for each image, in blocks."""
    between = b"[\n"
    for image in images:
        prediction = {"model_version": image.model, "result": brush_results(image)}
        data = {"image": image.url, "image_id": image.image_id, "filename": image.name}
        yield between + json.dumps({"data": data, "predictions": [prediction]}).encode()
        between = b",\n"
    yield b"]\n" if between == b",\n" else b"[]\n"


def _bits(numbers: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers in binary one after another, each in its width, most significant bit first."""
    places = widths[:, None] - 1 - np.arange(widths.max())
    digits: NDArray[np.int64] = (numbers[:, None] >> np.maximum(places, 0)) & 1
    return digits[places >= 0]
