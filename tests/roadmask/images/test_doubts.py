"""Pixels that decoders put where data are missing are named."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.roadmask.images.test_samples import STREET, png, read


def jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def missing(data: bytes) -> list[str]:
    return [text for text in read(data).warnings if "data of a JPEG are missing" in text]


@pytest.mark.parametrize("image", [STREET, STREET[..., 0]])
def test_a_jpeg_whose_data_end_early_is_named_with_the_share(image: np.ndarray) -> None:
    whole = jpeg(image)
    assert missing(whole) == []
    start = whole.index(b"\xff\xda")
    cut = start + (len(whole) - start) // 2
    [found] = missing(whole[:cut] + b"\xff\xd9")
    assert 30 < int(found.partition("%")[0]) < 70


def test_a_grey_that_is_not_of_a_jpeg_is_a_colour() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    assert missing(png(grey)) == []
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, grey, photometric="rgb")
    assert missing(buffer.getvalue()) == []
