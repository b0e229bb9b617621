"""Masks as files: each form that the program writes, and no other."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask.batch import Batch
from roadmask.categories import CATEGORY_TO_LABEL_ID, CATEGORY_TO_TRAIN_ID
from roadmask.client import Client
from roadmask.errors import InvalidRequest
from roadmask.mask_files import file_format, mask_file
from roadmask.mask_formats import FILE_FORMATS, MaskFormat
from roadmask.masks import colorize, encode_mask
from roadmask.pixels import encode_png

MASK = np.arange(8, dtype=np.uint8).repeat(6).reshape(8, 6)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    file.write_bytes(encode_png(np.full((8, 6, 3), 100, np.uint8)))
    return file


@pytest.mark.parametrize("form", FILE_FORMATS)
def test_every_file_is_a_png_of_the_masks_size(photo: Path, form: MaskFormat) -> None:
    with Image.open(io.BytesIO(mask_file(encode_mask(MASK), photo, form))) as picture:
        assert (picture.format, picture.size) == ("PNG", (6, 8))
        pixels = np.array(picture)
    expected = {
        MaskFormat.PNG: MASK,
        MaskFormat.LABELIDS: CATEGORY_TO_LABEL_ID[MASK],
        MaskFormat.TRAINIDS: CATEGORY_TO_TRAIN_ID[MASK],
        MaskFormat.COLOR: colorize(MASK),
    }
    if form in expected:
        assert np.array_equal(pixels, expected[form])
    else:
        assert pixels[0, 0].tolist() == [100, 100, 100]
        assert pixels[5, 0].tolist() == [85, 115, 140]


@pytest.mark.parametrize("name", ["coco", "npz", "tiff", ""])
def test_other_forms_are_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(InvalidRequest, match="png, labelids, trainids, color, overlay"):
        file_format(name)


def test_a_batch_of_no_such_form_does_not_begin(tmp_path: Path) -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(InvalidRequest, match="'coco'"):
        Batch(client, tmp_path, tmp_path / "masks", form="coco")
