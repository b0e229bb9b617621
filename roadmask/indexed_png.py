"""Indexed PNGs: pictures of a few flat colours, written quickly (W3C PNG, third edition)."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH, _INDEXED = 8, 3
_UP = 2
"""The filter (9.2 there) that writes a row as its difference from the one above."""


def indexed_png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """A PNG of colour type 3 with 8 bits a pixel, of indices (H, W) into a palette (n, 3).

    In flat areas rows equal the ones above, so their differences are runs of zeros, and only runs
    are looked for. Libraries try every filter on every row, which takes several times as long.
    """
    height, width = indices.shape
    rows = np.empty((height, 1 + width), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = indices[0]
    np.subtract(indices[1:], indices[:-1], out=rows[1:, 1:])
    deflate = zlib_ng.compressobj(level=1, strategy=zlib_ng.Z_RLE)
    header = struct.pack(">2I5B", width, height, _DEPTH, _INDEXED, 0, 0, 0)
    chunks = {
        b"IHDR": header,
        b"PLTE": palette.tobytes(),
        b"IDAT": deflate.compress(rows) + deflate.flush(),
        b"IEND": b"",
    }
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks.items())


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = zlib_ng.crc32(data, zlib_ng.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checked)
