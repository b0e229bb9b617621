"""PNGs of a few flat values, written and read quickly (W3C PNG, third edition).

All have 8 bits a pixel, and every row is its difference from the one above. An indexed and a grey
PNG of the same values differ in their headers alone.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = ">2I5B"
_DEPTH, _GREY, _INDEXED = 8, 0, 3
_UP = 2
"""The filter (9.2 there) that writes a row as its difference from the one above."""


def indexed_png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """A PNG of colour type 3 of indices (H, W) into a palette (n, 3)."""
    return _written(indices, _INDEXED, {b"PLTE": palette.tobytes()})


def grey_png(values: NDArray[np.uint8]) -> bytes:
    """A PNG of colour type 0 of values (H, W)."""
    return _written(values, _GREY, {})


def read_flat_png(data: bytes, max_pixels: int) -> NDArray[np.uint8] | None:
    """The values (H, W) of a PNG that was written here, None for any other, and a damaged one."""
    header = _header(data)
    if header is None or header[0] * header[1] > max_pixels or not is_whole_png(data):
        return None
    width, height = header
    size = height * (1 + width)
    inflate = zlib_ng.decompressobj()
    try:
        [packed] = (content for name, content in _chunks(data) if name == b"IDAT")
        raw = inflate.decompress(packed, size + 1)
    except zlib_ng.error:  # type: ignore[misc]  # its stub says `Any`
        return None
    if len(raw) != size or not inflate.eof:
        return None
    rows = np.frombuffer(raw, np.uint8).reshape(height, 1 + width)
    if not (rows[:, 0] == _UP).all():
        return None
    values = rows[:, 1:].copy()
    for above, row in itertools.pairwise(values):
        row += above
    return values


def _written(values: NDArray[np.uint8], kind: int, more: dict[bytes, bytes]) -> bytes:
    """In flat areas a row equals the row above, so the differences are runs of zeros, and deflate
    searches for runs alone. Libraries try every filter on every row, which takes several times as
    long."""
    height, width = values.shape
    rows = np.empty((height, 1 + width), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = values[0]
    np.subtract(values[1:], values[:-1], out=rows[1:, 1:])
    deflate = zlib_ng.compressobj(level=1, strategy=zlib_ng.Z_RLE)
    header = struct.pack(_HEADER, width, height, _DEPTH, kind, 0, 0, 0)
    pixels = deflate.compress(rows) + deflate.flush()
    return _joined({b"IHDR": header, **more, b"IDAT": pixels, b"IEND": b""})


def _joined(chunks: dict[bytes, bytes]) -> bytes:
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks.items())


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = zlib_ng.crc32(data, zlib_ng.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checked)


def as_grey_png(data: bytes) -> bytes | None:
    """A whole indexed PNG with 8 bits a pixel as a grey one with the same values; else None.

    Both store their pixels alike, so nothing is decompressed.
    """
    if data[24:26] != bytes([_DEPTH, _INDEXED]) or not is_whole_png(data):
        return None
    chunks = [_SIGNATURE]
    for name, content in _chunks(data):
        if name == b"IHDR":
            content = content[:9] + bytes([_GREY]) + content[10:]
        if name not in (b"PLTE", b"tRNS"):
            chunks.append(_chunk(name, content))
    return b"".join(chunks)


def _header(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG whose chunks are those that are written here, in their order."""
    names = b" ".join(name for name, _ in _chunks(data))
    kind = {b"IHDR PLTE IDAT IEND": _INDEXED, b"IHDR IDAT IEND": _GREY}.get(names)
    content = next(_chunks(data), (b"", b""))[1]
    if kind is None or len(content) != struct.calcsize(_HEADER):
        return None
    width, height, *rest = struct.unpack(_HEADER, content)
    return (width, height) if width and height and rest == [_DEPTH, kind, 0, 0, 0] else None


def is_whole_png(data: bytes) -> bool:
    """Whether a PNG has all its chunks, with their checksums, and nothing behind them.

    Decoders take a file whose last bytes are missing.
    """
    whole = [_SIGNATURE, *(_chunk(name, content) for name, content in _chunks(data))]
    return whole[-1] == _chunk(b"IEND", b"") and b"".join(whole) == data


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The type and the content of each chunk, up to the end of the file."""
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
