"""BMP: palettes, bit fields and run lengths of every kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageUnreadable
from roadmask.images.containers.bmp import RLE4, RLE8, BmpHeader, bmp_header
from roadmask.images.containers.file_bytes import FileBytes

MAX_RUNS = 4_000_000
"""Runs of an image at most; each takes about a microsecond."""


def decode_bmp(data: bytes) -> NDArray[np.uint8]:
    """The pixels of a BMP that has been sniffed, RGB uint8 (H, W, 3)."""
    import cv2

    header = bmp_header(FileBytes(data))
    if header.bits <= 8:
        pixels = _palette(data, header)[_indices(data, header)]
    elif header.bits == 24:
        rows = _rows(data, header)[:, : 3 * header.width].reshape(header.height, -1, 3)
        pixels = np.asarray(cv2.cvtColor(rows, cv2.COLOR_BGR2RGB), np.uint8)
    else:
        pixels = _bit_fields(data, header)
    return pixels if header.is_top_down else np.asarray(cv2.flip(pixels, 0), np.uint8)


def _rows(data: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """The rows as they are stored, padding included, uint8 (H, stride)."""
    size = header.stride * header.height
    stored = np.frombuffer(data, np.uint8)[header.pixels_at : header.pixels_at + size]
    # The last row may lack its padding.
    return np.pad(stored, (0, size - stored.size)).reshape(header.height, header.stride)


def _palette(data: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """RGB uint8 (256, 3); colours that the file lacks are black."""
    length = header.palette_colors * header.color_bytes
    stored = np.frombuffer(data, np.uint8, length, header.palette_at)
    colors = stored.reshape(-1, header.color_bytes)[:, 2::-1]
    return np.pad(colors, ((0, 256 - len(colors)), (0, 0)))


def _indices(data: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    if header.compression in (RLE8, RLE4):
        return _run_lengths(data, header)
    rows = _rows(data, header)
    if header.bits == 8:
        return rows[:, : header.width]
    each = 8 // header.bits
    shifts = np.arange(each, dtype=np.uint8)[::-1] * header.bits
    used = rows[:, : -(-header.width // each), None]
    indices = used >> shifts & (1 << header.bits) - 1
    return indices.reshape(header.height, -1)[:, : header.width].astype(np.uint8)


def _bit_fields(data: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    words = _rows(data, header).view("<u2" if header.bits == 16 else "<u4")[:, : header.width]
    pixels = np.empty((header.height, header.width, 3), np.uint8)
    for channel, mask in enumerate(header.masks):
        if not mask:
            pixels[..., channel] = 0
            continue
        shift = (mask & -mask).bit_length() - 1
        highest = mask >> shift
        # Samples of any depth become 0..255, all values at equal distances.
        drop = max(0, highest.bit_length() - 16)
        highest >>= drop
        table = ((np.arange(highest + 1) * 255 + highest // 2) // highest).astype(np.uint8)
        pixels[..., channel] = table[(words & mask) >> (shift + drop)]
    return pixels


def _run_lengths(data: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """The indices of RLE8 or RLE4. What runs beyond the end of its row is padding."""
    indices = np.zeros((header.height, header.width), np.uint8)
    half = header.compression == RLE4
    at, row, column = header.pixels_at, 0, 0
    for _ in range(MAX_RUNS):
        if at + 2 > len(data) or row >= header.height:
            break
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            if half:
                pair = (value >> 4, value & 15)
                run = np.resize(np.array(pair, np.uint8), count)
            else:
                run = np.full(count, value, np.uint8)
        elif value == 0:
            row, column = row + 1, 0
            continue
        elif value == 1:
            return indices
        elif value == 2:
            step = data[at : at + 2]
            at += 2
            column += step[0] if len(step) == 2 else 0
            row += step[1] if len(step) == 2 else 0
            continue
        else:
            length = (value + 1) // 2 if half else value
            stored = np.frombuffer(data[at : at + length], np.uint8)
            at += length + length % 2
            run = np.column_stack([stored >> 4, stored & 15]).ravel()[:value] if half else stored
        room = max(0, header.width - column)
        indices[row, column : column + len(run)] = run[:room]
        column += len(run)
    else:
        raise ImageUnreadable(f"The BMP has more than {MAX_RUNS:,} runs. Save the image as PNG.")
    if row < header.height - 1:
        raise ImageUnreadable(
            f"The BMP's pixels end in row {row:,} of {header.height:,}. The file is cut off: copy "
            "it again."
        )
    return indices
