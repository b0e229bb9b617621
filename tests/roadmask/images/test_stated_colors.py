"""Colours that a file states are applied, or refused or named where they cannot be."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from roadmask.errors import UnsupportedFormat
from roadmask.images.decoding import decode
from roadmask.images.sniffing import sniff
from tests.roadmask.images.test_samples import (
    LIMIT,
    STREET,
    deep,
    error,
    linear,
    png,
    read,
    with_chunk,
)

P3_TO_SRGB = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
"""Linear light of Display P3 to that of sRGB, as CSS Color 4 has it."""
MUTED = (STREET // 3 + 80).astype(np.uint8)
"""Colours that sRGB has too when they are of Display P3."""


def light(values: np.ndarray) -> np.ndarray:
    share = values / 255
    found: np.ndarray = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return found


def of_p3(image: np.ndarray) -> np.ndarray:
    """The sRGB, float (H, W, 3), of pixels of Display P3."""
    linear = np.clip(light(image) @ P3_TO_SRGB.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(srgb * 255)


def avif(image: np.ndarray, primaries: int, transfer: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "AVIF", quality=100, subsampling="4:4:4")
    before = b"nclx" + struct.pack(">HH", 1, 13)
    assert before in buffer.getvalue()
    return buffer.getvalue().replace(before, b"nclx" + struct.pack(">HH", primaries, transfer))


def test_the_primaries_of_display_p3_become_srgb_without_a_profile() -> None:
    expected = of_p3(MUTED)
    assert error(MUTED, expected) > 2
    chunk = with_chunk(png(MUTED), b"cICP", bytes([12, 13, 0, 1]))
    assert np.abs(read(chunk).pixels - expected).max() < 2
    assert error(read(avif(MUTED, 12, 13)).pixels, expected) < 1.5


@pytest.mark.parametrize("numbers", [(1, 13), (1, 1), (2, 2), (6, 6), (99, 99)])
def test_numbers_of_srgb_and_unknown_ones_change_nothing(numbers: tuple[int, int]) -> None:
    chunk = with_chunk(png(STREET), b"cICP", bytes([*numbers, 0, 1]))
    # The primaries of SMPTE 170M (6) are near those of sRGB.
    assert error(read(chunk).pixels) < (6 if numbers[0] == 6 else 0.1)


def test_linear_samples_that_say_so_need_no_statement() -> None:
    chunk = with_chunk(png(linear(16)), b"cICP", bytes([1, 8, 0, 1]))
    assert error(read(chunk).pixels) < 1
    assert error(read(png(linear(16))).pixels) > 20


def test_a_gamma_by_number_is_applied() -> None:
    """Assumed display gamma of 2.8 (number 5)."""
    expected = np.power(STREET / 255, 2.8)
    srgb = np.where(expected <= 0.0031308, expected * 12.92, 1.055 * expected ** (1 / 2.4) - 0.055)
    chunk = with_chunk(png(STREET), b"cICP", bytes([1, 5, 0, 1]))
    assert error(read(chunk).pixels, srgb * 255) < 1.5


def test_the_narrow_range_of_videos_is_refused() -> None:
    chunk = with_chunk(png(STREET), b"cICP", bytes([1, 13, 0, 0]))
    with pytest.raises(UnsupportedFormat, match="narrow range"):
        sniff(chunk, LIMIT)


def chromaticities(*values: float) -> bytes:
    return struct.pack(">8I", *(round(value * 1e5) for value in values))


SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


@pytest.mark.parametrize(
    ("chunks", "named"),
    [
        ([(b"gAMA", struct.pack(">I", 45455))], ""),
        ([(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", chromaticities(*SRGB))], ""),
        ([(b"gAMA", struct.pack(">I", 100000))], "a gamma of 1 "),
        ([(b"cHRM", chromaticities(*ADOBE))], "primaries other than those of sRGB"),
        ([(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100000))], ""),
        ([(b"cICP", bytes([1, 13, 0, 1])), (b"gAMA", struct.pack(">I", 100000))], ""),
    ],
)
def test_a_gamma_or_primaries_that_are_not_used_are_named(
    chunks: list[tuple[bytes, bytes]], named: str
) -> None:
    data = png(STREET)
    for kind, body in reversed(chunks):
        data = with_chunk(data, kind, body)
    found = read(data)
    assert error(found.pixels) == 0
    warnings = [text for text in found.warnings if "states" in text]
    assert len(warnings) == bool(named)
    assert all(named in text for text in warnings)


BT709 = (0.2126, 0.7152, 0.0722)
NARROW = (16.0, 235.0, 128.0, 240.0, 128.0, 240.0)


@pytest.mark.parametrize("luma", [None, BT709])
@pytest.mark.parametrize("reference", [None, NARROW])
@pytest.mark.parametrize("bits", [8, 16])
def test_ycbcr_is_read_by_its_own_coefficients_and_range(
    luma: tuple[float, ...] | None, reference: tuple[float, ...] | None, bits: int
) -> None:
    red, green, blue = luma or (0.299, 0.587, 0.114)
    rgb = STREET / 255
    y = rgb @ np.array([red, green, blue])
    cb, cr = (rgb[..., 2] - y) / (2 - 2 * blue), (rgb[..., 0] - y) / (2 - 2 * red)
    highest, step = 2**bits - 1, 2 ** (bits - 8)
    if reference:
        planes = (16 + 219 * y) * step, (128 + 224 * cb) * step, (128 + 224 * cr) * step
    else:
        planes = highest * y, (highest + 1) / 2 + (highest - 1) * cb, 0 * y
        planes = planes[0], planes[1], (highest + 1) / 2 + (highest - 1) * cr
    stored = np.rint(np.stack(planes, axis=2)).clip(0, highest)
    tags = []
    if luma:
        tags.append((529, 5, 3, [n for part in luma for n in (round(part * 1e4), 10**4)], True))
    if reference:
        values = [n for part in reference for n in (round(part * step), 1)]
        tags.append((532, 5, 6, values, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        stored.astype(np.uint8 if bits == 8 else np.uint16),
        photometric="ycbcr",
        planarconfig="contig",
        subsampling=(1, 1),
        extratags=tags,
    )
    assert error(read(buffer.getvalue()).pixels) < 1


CMYK = np.dstack([255 - STREET, np.zeros(STREET.shape[:2], np.uint8)])


def cmyk_tiff(*tags: tuple[int, int, int, object, bool]) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, CMYK, photometric="separated", extratags=tags)
    return buffer.getvalue()


def test_cmyk_of_the_whole_range_is_read() -> None:
    for tags in ((), ((332, 3, 1, 1, True), (336, 3, 2, (0, 255), True))):
        assert error(decode(cmyk_tiff(*tags), LIMIT)) < 1


@pytest.mark.parametrize(
    ("tag", "why"),
    [((332, 3, 1, 2, True), "other than cyan"), ((336, 3, 2, (20, 220), True), "DotRange")],
)
def test_other_inks_are_refused(tag: tuple[int, int, int, object, bool], why: str) -> None:
    with pytest.raises(UnsupportedFormat, match=why):
        sniff(cmyk_tiff(tag), LIMIT)


def test_four_channels_of_a_jpeg_without_a_meaning_are_refused() -> None:
    buffer = io.BytesIO()
    Image.fromarray(CMYK, "CMYK").save(buffer, "JPEG", quality=95)
    data = buffer.getvalue()
    assert error(decode(data, LIMIT)) < 3
    at = data.index(b"\xff\xee")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    with pytest.raises(UnsupportedFormat, match="no Adobe marker"):
        sniff(data[:at] + data[end:], LIMIT)


def test_deep_samples_keep_their_depth_with_numbers_of_p3() -> None:
    chunk = with_chunk(png(deep(16, MUTED)), b"cICP", bytes([12, 13, 0, 1]))
    assert np.abs(read(chunk).pixels - of_p3(MUTED)).max() < 2
