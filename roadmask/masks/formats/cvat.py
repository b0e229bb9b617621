"""CVAT: mask annotations as its XML, `CVAT for images 1.1`.

Source: CVAT's documentation of its XML annotation format, version 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from roadmask.images.stems import stem
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.run_lengths import run_lengths

_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""Characters that XML 1.0 cannot hold (2.2 there)."""


def mask_points(pixels: NDArray[np.bool_]) -> list[int]:
    """The True pixels, bool (H, W) with at least one, as the `points` of a CVAT mask.

    Run lengths by row within the smallest box, then the box: left, top, right, bottom, inclusive.
    """
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = (int(i) for i in (rows[0], rows[-1], columns[0], columns[-1]))
    box = pixels[top : bottom + 1, left : right + 1]
    return [*run_lengths(box.ravel()), left, top, right, bottom]


def cvat_annotations(images: Iterable[MaskedImage]) -> Iterator[bytes]:
    """One XML document in blocks: a mask for each category of each image, without void.

    The CVAT task must have labels with the names of the categories. CVAT finds an image by its name
    without the suffix, so a name without one gets any suffix.
    """
    yield b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
    for image in images:
        yield ElementTree.tostring(_element(image)) + b"\n"
    yield b"</annotations>\n"


def _element(image: MaskedImage) -> ElementTree.Element:
    width, height = image.size
    element = ElementTree.Element(
        "image",
        id=str(image.index),
        name=_NOT_XML.sub(
            "_", image.name if stem(image.name) != image.name else f"{image.name}.png"
        ),
        width=str(width),
        height=str(height),
    )
    for category, pixels in image.regions():
        *runs, left, top, right, bottom = mask_points(pixels)
        ElementTree.SubElement(
            element,
            "mask",
            label=category.name,
            source="auto",
            occluded="0",
            rle=", ".join(map(str, runs)),
            left=str(left),
            top=str(top),
            width=str(right + 1 - left),
            height=str(bottom + 1 - top),
            z_order="0",
        )
    return element
