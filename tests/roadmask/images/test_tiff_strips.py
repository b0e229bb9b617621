"""Strips of a TIFF that hold more, or less, than their rows need."""

import io
import struct
import tracemalloc
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile

from roadmask.errors import ImageUnreadable
from roadmask.images.decoding import decode

MAX_PIXELS = 1_000_000
RGB = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)


def tiff_of_strips(
    rows: int, last_extra: bytes, compression: int = 8, behind: bytes = b""
) -> bytes:
    """A TIFF of `RGB` in compressed strips, the last of which holds more than its rows."""
    compress = zlib.compress if compression in (8, 32946) else imagecodecs.packbits_encode
    blocks = [RGB[at : at + rows].tobytes() for at in range(0, len(RGB), rows)]
    strips = [bytes(compress(block)) for block in [*blocks[:-1], blocks[-1] + last_extra]]
    strips[-1] += behind
    height, width = RGB.shape[:2]
    offsets = [8 + sum(map(len, strips[:n])) for n in range(len(strips))]
    end = 8 + sum(map(len, strips))
    lists = [(8, 8, 8), offsets, list(map(len, strips))]
    packed = [struct.pack(f"<{len(each)}I", *each) for each in lists]
    at = [end, end + len(packed[0]), end + len(packed[0]) + len(packed[1])]
    count = len(strips)
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 4, 3, at[0]),
        (259, 3, 1, compression),
        (262, 3, 1, 2),
        (273, 4, count, at[1] if count > 1 else offsets[0]),
        (277, 3, 1, 3),
        (278, 4, 1, rows),
        (279, 4, count, at[2] if count > 1 else len(strips[0])),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    head = b"II*\0" + struct.pack("<I", end + sum(map(len, packed)))
    return b"".join([head, *strips, *packed, directory])


@pytest.mark.parametrize("compression", [8, 32946])
@pytest.mark.parametrize("extra", [b"", b"abc", bytes(5 * 53 * 3)], ids=len)
@pytest.mark.parametrize("rows", [5, len(RGB)])
def test_data_behind_the_last_strip_of_a_tiff_are_left_out(
    rows: int, extra: bytes, compression: int
) -> None:
    for behind in (b"", b"behind the stream"):
        data = tiff_of_strips(rows, extra, compression, behind)
        np.testing.assert_array_equal(decode(data, MAX_PIXELS), RGB)


def test_a_strip_that_would_inflate_to_much_more_takes_no_memory() -> None:
    data = tiff_of_strips(len(RGB), bytes(2**26))
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(decode(data, MAX_PIXELS), RGB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**23


def test_a_strip_that_is_too_short_is_refused() -> None:
    data = tiff_of_strips(len(RGB) * 2, b"")
    whole = zlib.compress(RGB.tobytes())
    short = zlib.compress(RGB.tobytes()[:-10]).ljust(len(whole), b"\0")[: len(whole)]
    with pytest.raises(ImageUnreadable, match="damaged"):
        decode(data.replace(whole, short), MAX_PIXELS)


def test_strips_that_were_never_written_are_refused() -> None:
    """A writer that is stopped leaves lengths of 0; their rows would be black."""
    data = tiff_of_strips(5, b"")
    [last] = {zlib.compress(RGB[35:].tobytes())}
    lengths = struct.pack("<2I", len(zlib.compress(RGB[30:35].tobytes())), len(last))
    assert data.count(lengths) == 1
    with pytest.raises(ImageUnreadable, match=r"no data for 2 of its 8 strips"):
        decode(data.replace(lengths, bytes(8)), MAX_PIXELS)


def test_other_compressions_with_too_much_say_what_it_may_be() -> None:
    with pytest.raises(ImageUnreadable, match=r"PackBits.*more than its pixels need"):
        decode(tiff_of_strips(5, b"abc", 32773), MAX_PIXELS)


@pytest.mark.parametrize("extra", [b"", b"abc"], ids=len)
def test_a_pixel_that_changed_is_found_by_the_checksum(extra: bytes) -> None:
    data = bytearray(tiff_of_strips(len(RGB), extra))
    data[len(RGB.tobytes()) // 2] ^= 1
    with pytest.raises(ImageUnreadable, match="damaged"):
        decode(bytes(data), MAX_PIXELS)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_jpeg_that_is_cut_off_in_its_strip_is_refused(share: float) -> None:
    buffer = io.BytesIO()
    smooth = cv2.GaussianBlur(RGB, (0, 0), 5)
    tifffile.imwrite(buffer, smooth, photometric="rgb", compression="jpeg", rowsperstrip=37)
    whole = buffer.getvalue()
    assert decode(whole, MAX_PIXELS).shape == RGB.shape
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        [at], [length] = file.pages[0].dataoffsets, file.pages[0].databytecounts
    cut = at + round(length * share)
    with pytest.raises(ImageUnreadable, match="a JPEG that is cut off"):
        decode(whole[:cut] + bytes(at + length - cut) + whole[at + length :], MAX_PIXELS)
