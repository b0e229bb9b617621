"""Flat PNGs: written, read and turned to grey as every PNG library understands them."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from roadmask.masks.codec import decode_mask, encode_grey, encode_mask
from roadmask.masks.indexed_png import (
    as_grey_png,
    grey_png,
    indexed_png,
    read_flat_png,
)

SHAPES = [(1, 1), (1, 70), (70, 1), (37, 53)]
LIMIT = 10_000


def some(shape: tuple[int, int], highest: int = 7) -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, highest + 1, shape, np.uint8)


def by_pillow(data: bytes) -> tuple[str, NDArray[np.uint8]]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.mode, np.array(picture)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_grey_png_has_the_values_in_every_library(shape: tuple[int, int]) -> None:
    values = some(shape, 255)
    mode, found = by_pillow(grey_png(values))
    assert mode == "L"
    np.testing.assert_array_equal(found, values)
    shown = cv2.imdecode(np.frombuffer(grey_png(values), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(shown, values)
    np.testing.assert_array_equal(decode_mask(grey_png(values)), values)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mask_becomes_grey_without_decoding(shape: tuple[int, int]) -> None:
    mask = some(shape)
    grey = as_grey_png(encode_mask(mask))
    assert grey == grey_png(mask)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_read_is_what_was_written(shape: tuple[int, int]) -> None:
    mask = some(shape)
    for data in (encode_mask(mask), grey_png(mask)):
        found = read_flat_png(data, LIMIT)
        assert found is not None
        assert found.flags.writeable
        np.testing.assert_array_equal(found, mask)


def by_libraries() -> dict[str, bytes]:
    mask = some((12, 20))
    palette = Image.fromarray(mask)
    palette.putpalette([0, 1, 2] * 8)
    interlaced = Image.fromarray(mask)
    files = {"palette": io.BytesIO(), "grey": io.BytesIO(), "small": io.BytesIO()}
    palette.save(files["palette"], "PNG")
    interlaced.save(files["grey"], "PNG")
    palette.save(files["small"], "PNG", bits=4)
    return {name: file.getvalue() for name, file in files.items()} | {"ours": encode_grey(mask)}


@pytest.mark.parametrize("name", ["palette", "grey", "small", "ours"])
def test_files_of_other_writers_are_left_to_their_library(name: str) -> None:
    data = by_libraries()[name]
    assert read_flat_png(data, LIMIT) is None
    np.testing.assert_array_equal(decode_mask(data), some((12, 20)))


def test_a_damaged_file_is_not_read() -> None:
    data = indexed_png(some((20, 30)), np.zeros((8, 3), np.uint8))
    for at in range(len(data)):
        damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert read_flat_png(damaged, LIMIT) is None, at
        assert as_grey_png(damaged) is None, at
        assert read_flat_png(data[:at], LIMIT) is None, at
    assert read_flat_png(data + b"x", LIMIT) is None


def test_a_file_of_more_pixels_than_the_limit_is_not_read() -> None:
    assert read_flat_png(encode_mask(some((11, 10))), 109) is None
    assert read_flat_png(encode_mask(some((11, 10))), 110) is not None
