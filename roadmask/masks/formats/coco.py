"""COCO: run lengths as its mask API writes them, and datasets with stuff annotations.

Source: the data format and mask API of COCO (Lin et al., ECCV 2014; Caesar et al., CVPR 2018 for
stuff; Kirillov et al., CVPR 2019 for `isthing` and `color`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.run_lengths import run_lengths
from roadmask.masks.taxonomy import CITYSCAPES, Taxonomy

SPOOL = 2**20
"""Bytes of the list of images that stay in memory; a longer list is written to disk."""


class Segmentation(TypedDict):
    """Run-length encoding of pixels, as pycocotools reads and writes it."""

    size: list[int]
    """Height, width."""
    counts: str
    """Compressed run lengths in column-major order."""


class Rle(Segmentation):
    """COCO run-length encoding of one category's pixels."""

    category: str


def segmentation(pixels: NDArray[np.bool_]) -> Segmentation:
    """The run-length encoding of the True pixels, bool (H, W)."""
    counts = _compress(run_lengths(pixels.ravel(order="F")))
    return Segmentation(size=[int(side) for side in pixels.shape], counts=counts)


def encode_rle(mask: NDArray[np.uint8], taxonomy: Taxonomy = CITYSCAPES) -> list[Rle]:
    """One run-length encoding for each category in the mask, uint8 (H, W)."""
    return [
        Rle(category=taxonomy.names[index], **segmentation(mask == index))
        for index in np.unique(mask).tolist()
    ]


def coco_dataset(images: Iterable[MaskedImage]) -> Iterator[bytes]:
    """One dataset in blocks: an annotation for each category of each image, without void.

    Category ids are the mask's indices. The id of an image is its position in the job plus 1. Its
    `file_name` is the name its owner gave it, or its id in the service. The list of images is
    written last; at most `SPOOL` bytes of it are in memory.
    """
    head = {"info": {"description": "Masks by Roadmask"}, "licenses": [], "categories": _CATEGORIES}
    yield json.dumps(head).encode()[:-1] + b', "annotations": ['
    with SpooledTemporaryFile(max_size=SPOOL) as entries:
        between_images = between_annotations = b"\n"
        for image in images:
            entries.write(between_images + json.dumps(_image(image)).encode())
            between_images = b",\n"
            for annotation in _annotations(image):
                yield between_annotations + json.dumps(annotation).encode()
                between_annotations = b",\n"
        yield b'], "images": ['
        entries.seek(0)
        while block := entries.read(2**16):
            yield block
    yield b"]}\n"


_CATEGORIES = [
    {"id": c.index, "name": c.name, "supercategory": c.name, "color": c.color, "isthing": 0}
    for c in CITYSCAPES.categories
    if c.index != CITYSCAPES.void
]


def _image(image: MaskedImage) -> dict[str, Any]:
    width, height = image.size
    return {
        "id": image.index + 1,
        "file_name": image.name,
        "width": width,
        "height": height,
        "coco_url": image.url,
    }


def _annotations(image: MaskedImage) -> Iterator[dict[str, Any]]:
    for category, pixels in image.regions():
        rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
        left, top = int(columns[0]), int(rows[0])
        yield {
            # Unique without a counter: an image has at most one annotation per category.
            "id": (image.index + 1) * len(CITYSCAPES) + category.index,
            "image_id": image.index + 1,
            "category_id": category.index,
            "segmentation": segmentation(pixels),
            "area": int(np.count_nonzero(pixels)),
            "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
            "iscrowd": 0,
        }


def _compress(runs: list[int]) -> str:
    """Run lengths as COCO's text.

    From the third run on, the difference to the run two before is written, in groups of 5 bits
    with a continuation bit, least significant first, shifted by 48 into printable ASCII
    (described with COCO's mask API, Lin et al., ECCV 2014).
    """
    text = bytearray()
    for position, run in enumerate(runs):
        value = run - runs[position - 2] if position > 2 else run
        while True:
            group = value & 0x1F
            value >>= 5
            done = value == (-1 if group & 0x10 else 0)
            text.append((group if done else group | 0x20) + 48)
            if done:
                break
    return text.decode("ascii")
