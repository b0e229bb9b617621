"""Decoding: image files to pixels, RGB uint8 (H, W, 3) as they are shown.

`roadmask.images.sniffing` looks at the header first, and what it says is final: pixels are decoded
without turning, turned by the sniffed orientation, and any other shape is an error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadmask import memory_limit
from roadmask.errors import ImageUnreadable
from roadmask.images.colors.icc import to_srgb
from roadmask.images.decoders.bmp import decode_bmp
from roadmask.images.decoders.heif import decode_avif, decode_heic
from roadmask.images.decoders.opencv import decode_by_opencv, opencv
from roadmask.images.decoders.tiff import decode_tiff
from roadmask.images.doubts import doubts
from roadmask.images.facts import ImageFacts
from roadmask.images.mosaic import demosaicked
from roadmask.images.samples import to_eight_bits
from roadmask.images.sniffing import sniff
from roadmask.images.turning import turned
from roadmask.schemas.pixels import AS_STORED, Pixels

GREY_TO_RGB = 8
"""`cv2.COLOR_GRAY2RGB`."""


def decode(
    data: bytes,
    max_pixels: int,
    least: tuple[int, int] | None = None,
    pixels: Pixels = AS_STORED,
) -> NDArray[np.uint8]:
    """The pixels of an image: RGB uint8 (H, W, 3), after the EXIF orientation, in sRGB.

    With `least`, a height and a width, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size if neither
    side falls below `least`; this takes half the time.

    `pixels` says what samples of more than 8 bits mean. Alpha is dropped; palettes, grey, CMYK, Lab
    and YCbCr become RGB. Raises what `sniff` raises, `ImageUnreadable` for truncated or corrupt
    data, and `UnsupportedFormat` if a decoder is not installed or the range of samples is unknown.
    """
    facts = sniff(data, max_pixels)
    return decode_sniffed(data, facts, max_pixels, least, pixels).pixels


class Decoded(NamedTuple):
    """An image as it is shown."""

    pixels: NDArray[np.uint8]
    """RGB uint8 (H, W, 3)."""
    warnings: list[str]
    """What makes a mask of it doubtful, for people."""


def decode_sniffed(
    data: bytes,
    facts: ImageFacts,
    max_pixels: int,
    least: tuple[int, int] | None = None,
    pixels: Pixels = AS_STORED,
) -> Decoded:
    """Like `decode`, for data whose facts `sniff` has returned, and with warnings."""
    divisor = 1 if least is None else _divisor(facts, least)
    samples = _samples(data, facts, max_pixels, divisor)
    if facts.is_linear and pixels.curve is None:
        pixels = pixels.model_copy(update={"curve": "linear"})
    size = tuple(side // divisor for side in facts.stored_size)
    if samples.shape[:2] != size or samples.shape[2:] not in ((), (3,)):
        raise ImageUnreadable(
            f"The header of the {facts.format.upper()} says {size[1]}x{size[0]} pixels, but its "
            f"data hold {samples.shape[1]}x{samples.shape[0]}. The file is damaged: copy it again."
        )
    warnings = doubts(samples, facts, pixels)
    shown = to_eight_bits(samples, facts, pixels)
    del samples
    pattern = pixels.cfa or facts.cfa
    if pattern and shown.ndim == 2:
        shown = demosaicked(shown, pattern)
    if facts.icc_profile:
        shown = to_srgb(shown, facts.icc_profile)
    if shown.ndim == 2:
        shown = np.asarray(opencv(max_pixels).cvtColor(shown, GREY_TO_RGB), np.uint8)
    return Decoded(turned(np.ascontiguousarray(shown), facts.orientation), warnings)


def decode_limited(
    data: bytes,
    max_pixels: int,
    least: tuple[int, int] | None = None,
    pixels: Pixels = AS_STORED,
) -> NDArray[np.uint8]:
    """Decode a file within the memory that an honest one needs, in a process of its own.

    Returns the pixels of `decode_sniffed`. Raises `ItemError`, and `MemoryError` over the limit.
    """
    # Before the limit: what a library takes when it is loaded is not the image's fault.
    opencv(max_pixels)
    facts = sniff(data, max_pixels)
    with memory_limit.limited_for(facts):
        return decode_sniffed(data, facts, max_pixels, least, pixels).pixels


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = 90) -> bytes:
    """RGB uint8 (H, W, 3) as JPEG."""
    return _encode(pixels, ".jpg", "IMWRITE_JPEG_QUALITY", quality)


def encode_png(pixels: NDArray[np.uint8], level: int = 1) -> bytes:
    """RGB uint8 (H, W, 3) as PNG, lossless."""
    return _encode(pixels, ".png", "IMWRITE_PNG_COMPRESSION", level)


def _samples(data: bytes, facts: ImageFacts, max_pixels: int, divisor: int) -> NDArray[Any]:
    match facts.format:
        case "tiff":
            return decode_tiff(data, max_pixels)
        case "bmp":
            return decode_bmp(data)
        case "heic":
            return decode_heic(data)
        case "avif":
            return decode_avif(data, facts, max_pixels)
        case _:
            return decode_by_opencv(data, facts, max_pixels, divisor)


def _encode(pixels: NDArray[np.uint8], suffix: str, option: str, value: int) -> bytes:
    import cv2

    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(suffix, bgr, [getattr(cv2, option), value])
    return bytes(data)


def _divisor(facts: ImageFacts, least: tuple[int, int]) -> int:
    """The scale, 1/n, at which an image can be decoded.

    It divides both sides without remainder: else the picture would be stretched by some pixels.
    """
    if facts.format != "jpeg":
        return 1
    sides = list(zip((facts.height, facts.width), least, strict=True))
    return next((n for n in (8, 4, 2) if all(s % n == 0 and s // n >= m for s, m in sides)), 1)
