"""Masks whose samples Pillow changes while it reads them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.images.labels.annotation import Annotation
from roadmask.masks.codec import decode_mask, encode_mask

IDS = np.arange(32, dtype=np.uint8).reshape(4, 8) % 4


def grey_png(values: NDArray[np.uint8], bits: int) -> bytes:
    """A grey PNG of 2 or 4 bits for each pixel (W3C PNG, third edition, 11.2)."""
    height, width = values.shape
    rows = [np.unpackbits(row[:, None], axis=1)[:, 8 - bits :].ravel() for row in values]
    data = b"".join(b"\0" + np.packbits(row).tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    packed = b""
    for kind, content in chunks:
        check = struct.pack(">I", zlib.crc32(kind + content))
        packed += struct.pack(">I", len(content)) + kind + content + check
    return b"\x89PNG\r\n\x1a\n" + packed


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_ids_of_few_bits_are_read_as_they_are(bits: int) -> None:
    mask = grey_png(IDS, bits)
    np.testing.assert_array_equal(Annotation.read(mask).ids, IDS)
    np.testing.assert_array_equal(decode_mask(mask), IDS)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colours_of_16_bits_are_refused(tmp_path: Path, channels: int, suffix: str) -> None:
    """Their upper halves are 0 for all ids."""
    path = tmp_path / f"mask{suffix}"
    cv2.imwrite(str(path), IDS[..., None].repeat(channels, axis=2).astype(np.uint16))
    with pytest.raises(InvalidRequest, match=r"16 bits for each colour|cannot be read"):
        Annotation.read(path)


def test_a_mask_of_too_many_pixels_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow refuses twice this number, and 178,956,970 as it is set by default."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15)
    mask = grey_png(IDS, 2)
    for read in (Annotation.read, decode_mask):
        with pytest.raises(InvalidRequest, match="more than 30 pixels") as refused:
            read(mask)
        assert "again" not in refused.value.detail


def test_the_mask_of_the_largest_image_is_decoded() -> None:
    """The limit of images is a setting, and may be above any of our own and of Pillow."""
    mask = np.zeros((6_000, 30_000), np.uint8)
    mask[-1, -1] = 7
    assert decode_mask(encode_mask(mask))[-1, -1] == 7
