"""Masks whose samples Pillow changes while it reads them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.images.labels.annotation import Annotation
from roadmask.masks.codec import decode_mask

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
