"""CVAT's own library reads the masks back, and would have written the same."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from cvat_sdk.masks import decode_mask, encode_mask
from numpy.typing import NDArray

from roadmask.masks.formats.cvat import cvat_annotations, mask_points
from roadmask.masks.taxonomy import CITYSCAPES
from tests.roadmask.masks.formats.masks import MASKS, masked


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: str(mask.shape))
def test_points_are_those_of_the_sdk(mask: NDArray[np.uint8]) -> None:
    for category in np.unique(mask):
        pixels = mask == category
        assert mask_points(pixels) == encode_mask(pixels)


def test_a_document_gives_every_mask_back() -> None:
    text = b"".join(cvat_annotations(masked(m, i) for i, m in enumerate(MASKS)))
    root = ElementTree.fromstring(text)
    assert root.findtext("version") == "1.1"
    for index, (image, mask) in enumerate(zip(root.iter("image"), MASKS, strict=True)):
        assert image.attrib["name"] == f"streets/{index:02}.png"
        assert (int(image.attrib["height"]), int(image.attrib["width"])) == mask.shape
        assert np.array_equal(painted(image, mask.shape), mask)


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("", "streets/00.png"),
        ("drive/front.JPG", "drive/front.JPG"),
        ("街.jpg", "街.jpg"),
        ("v1.5", "v1.5.png"),
        ("\x1b[31m<&\ufffe.jpg", "_[31m<&_.jpg"),
    ],
)
def test_an_image_has_the_name_of_its_file(filename: str, name: str) -> None:
    image = replace(masked(MASKS[0], 0), filename=filename)
    root = ElementTree.fromstring(b"".join(cvat_annotations([image])))
    assert [each.attrib["name"] for each in root.iter("image")] == [name]


def painted(image: ElementTree.Element, shape: tuple[int, int]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for element in image.iter("mask"):
        left, top, width, height = (
            int(element.attrib[name]) for name in ("left", "top", "width", "height")
        )
        runs = [int(run) for run in element.attrib["rle"].split(",")]
        points = [*runs, left, top, left + width - 1, top + height - 1]
        pixels = decode_mask(points, image_width=shape[1], image_height=shape[0])
        mask[pixels] = CITYSCAPES.index(element.attrib["label"])
    return mask
