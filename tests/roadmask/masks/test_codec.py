import io

import cv2
import numpy as np
import pytest
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.masks.codec import colorize, decode_mask, encode_mask, index_png, overlay, shares


def random_mask(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 8, shape).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (37, 53), (200, 300)])
def test_a_mask_reads_back_as_written(shape: tuple[int, int]) -> None:
    mask = random_mask(shape)
    assert (decode_mask(encode_mask(mask)) == mask).all()


def test_the_same_mask_gives_the_same_bytes_even_when_not_contiguous() -> None:
    mask = random_mask((40, 60))
    flipped_twice = mask[::-1].copy()[::-1]
    assert encode_mask(mask) == encode_mask(flipped_twice)


def test_the_canonical_form_is_an_indexed_png_that_shows_the_colours() -> None:
    mask = random_mask((16, 24))
    with Image.open(io.BytesIO(encode_mask(mask))) as picture:
        assert (picture.format, picture.mode) == ("PNG", "P")
        assert (np.array(picture.convert("RGB")) == colorize(mask)).all()
    shown = cv2.imdecode(np.frombuffer(encode_mask(mask), np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(shown, colorize(mask))


@pytest.mark.parametrize("bits", [8, 4])
def test_an_index_png_is_grey_and_has_the_same_indices(bits: int) -> None:
    mask = random_mask((37, 53))
    stored = encode_mask(mask)
    if bits == 4:
        # As another program may have stored it.
        picture = Image.open(io.BytesIO(stored))
        picture.save(buffer := io.BytesIO(), "PNG", bits=4)
        stored = buffer.getvalue()
    with Image.open(io.BytesIO(index_png(stored))) as picture:
        assert (picture.mode, picture.info) == ("L", {})
        np.testing.assert_array_equal(np.array(picture), mask)


def test_a_damaged_mask_gives_no_index_png() -> None:
    stored = encode_mask(random_mask((64, 64)))
    with pytest.raises(InvalidRequest, match="not a PNG"):
        index_png(stored[:-20])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 2, 3), np.uint8),
        np.zeros((2, 2), np.int64),
        np.zeros((0, 2), np.uint8),
        np.full((2, 2), 8, np.uint8),
    ],
)
def test_what_is_no_mask_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InvalidRequest):
        encode_mask(wrong)


@pytest.mark.parametrize("data", [b"", b"no image", encode_mask(random_mask((64, 64)))[:-200]])
def test_bytes_that_hold_no_mask_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not a PNG"):
        decode_mask(data)


def test_a_colour_picture_is_not_taken_for_a_mask() -> None:
    buffer = io.BytesIO()
    Image.fromarray(colorize(random_mask((4, 4)))).save(buffer, "PNG")
    with pytest.raises(InvalidRequest, match="mode RGB"):
        decode_mask(buffer.getvalue())


def test_an_overlay_leaves_void_alone_and_mixes_the_rest() -> None:
    image = np.full((1, 2, 3), 100, np.uint8)
    mixed = overlay(image, np.array([[0, 5]], np.uint8), alpha=0.5)
    assert mixed.tolist() == [[[100, 100, 100], [85, 115, 140]]]
    with pytest.raises(InvalidRequest):
        overlay(image, np.zeros((2, 1), np.uint8))


def test_shares_add_up_to_one() -> None:
    found = shares(np.array([[1, 1, 5, 7]], np.uint8))
    assert found["flat"] == 0.5
    assert found["sky"] == found["vehicle"] == 0.25
    assert sum(found.values()) == 1
