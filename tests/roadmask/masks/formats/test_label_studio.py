"""Label Studio's own converter reads the brush strokes back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from roadmask.masks.formats.label_studio import brush_rle, label_studio_tasks
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.images.brush_strokes import decode_rle, encode_rle
from tests.roadmask.masks.formats.masks import MASKS, blobs, masked, noise


def rgba(pixels: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.repeat(pixels.ravel(), 4).astype(np.uint8) * 255


@pytest.mark.parametrize("mask", [*MASKS, blobs((300, 400))], ids=lambda mask: str(mask.shape))
@pytest.mark.parametrize("category", [0, 6])
def test_strokes_decode_to_the_same_pixels(mask: NDArray[np.uint8], category: int) -> None:
    pixels = mask == category
    assert np.array_equal(decode_rle(brush_rle(pixels)), rgba(pixels))


@pytest.mark.parametrize("pixels", [noise((20, 30)) == 1, np.ones((200, 300), bool)])
def test_bytes_are_those_of_the_converter(pixels: NDArray[np.bool_]) -> None:
    ours, theirs = brush_rle(pixels), encode_rle(rgba(pixels))
    # The converter pads a whole byte where none is needed.
    assert theirs[: len(ours)] == ours
    assert set(theirs[len(ours) :]) <= {0}


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 63, 64, 65, 16383, 16384, 16385, 70000])
def test_runs_of_every_size_are_kept(length: int) -> None:
    pixels = np.zeros((1, length + 3), bool)
    pixels[0, 1 : length + 1] = True
    assert np.array_equal(decode_rle(brush_rle(pixels)), rgba(pixels))


def test_tasks_hold_what_an_import_asks_for() -> None:
    tasks = json.loads(b"".join(label_studio_tasks(masked(m, i) for i, m in enumerate(MASKS))))
    assert [task["data"]["image_id"] for task in tasks] == [
        f"streets/{index:02}" for index in range(len(MASKS))
    ]
    for task, mask in zip(tasks, MASKS, strict=True):
        [prediction] = task["predictions"]
        assert prediction["model_version"] == "vgg_unet@3"
        painted = np.zeros(mask.shape, np.uint8)
        for region in prediction["result"]:
            assert region["type"] == "brushlabels"
            assert (region["original_height"], region["original_width"]) == mask.shape
            [label] = region["value"]["brushlabels"]
            alpha = decode_rle(region["value"]["rle"]).reshape(*mask.shape, 4)[..., 3]
            painted[alpha > 0] = CITYSCAPES.index(label)
        assert np.array_equal(painted, mask)


def test_no_image_is_an_empty_list() -> None:
    assert json.loads(b"".join(label_studio_tasks([]))) == []
