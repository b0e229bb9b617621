"""Images: what their header says, and their pixels as 8-bit RGB.

`sniff` looks before anything is decoded: the format by its first bytes, the size by its header.
Only what passed is decoded, by OpenCV, and always to the same form: RGB uint8 (H, W, 3), turned the
way the picture is shown.
"""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from roadmask.errors import (
    ImageAnimated,
    ImageEmpty,
    ImageTooLarge,
    ImageUnreadable,
    UnsupportedFormat,
)

if TYPE_CHECKING:
    from types import ModuleType

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
CONTENT_TYPES = {name.lower(): f"image/{name.lower()}" for name in FORMATS}
MAX_SIDE = 32_768
"""Longest side, pixels: beyond it the pictures are panoramas that no camera here makes."""

_ORIENTATION, _BITS_PER_SAMPLE = 0x0112, 0x0102
_CHANNELS = {"1": 1, "L": 1, "P": 3, "LA": 2, "PA": 4, "RGB": 3, "RGBX": 3, "RGBA": 4, "CMYK": 4}
_SIXTEEN_BITS = {"I;16", "I;16B", "I;16L"}
_TOO_DEEP = {"I", "F"}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image's header says. Sides are as shown, that is after the EXIF orientation."""

    format: str
    width: int
    height: int
    channels: int
    bit_depth: int
    orientation: int
    is_animated: bool


def sniff(source: bytes | Path, max_pixels: int) -> ImageFacts:
    """The facts of an image from its header; no pixel is decoded.

    Raises `ImageEmpty`, `UnsupportedFormat`, `ImageUnreadable`, `ImageAnimated` or `ImageTooLarge`.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size == 0:
        raise ImageEmpty("The file has no bytes. Check how it was copied or recorded.")
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            # Our own limit is checked below; Pillow's guess of one only warns.
            warnings.simplefilter("ignore")
            with Image.open(opened, formats=list(FORMATS)) as picture:
                if picture.mode in _TOO_DEEP:
                    raise UnsupportedFormat(
                        "The image has 32-bit samples. Save it with 8 or 16 bits for each channel."
                    )
                facts = _facts(picture)
    except UnidentifiedImageError:
        raise UnsupportedFormat(
            "These bytes are no JPEG, PNG, WebP, TIFF or BMP, or the header is cut off. "
            "Convert the file, or copy it again."
        ) from None
    except Image.DecompressionBombError:
        raise ImageTooLarge(_too_large("hundreds of millions of", max_pixels)) from None
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ImageUnreadable(
            "The image's header is damaged or cut off. Copy the file again."
        ) from error
    if facts.width * facts.height > max_pixels or max(facts.width, facts.height) > MAX_SIDE:
        raise ImageTooLarge(_too_large(f"{facts.width}x{facts.height}", max_pixels))
    if facts.is_animated:
        raise ImageAnimated(
            "The file has more than one frame or page. Send each one as an image of its own."
        )
    return facts


def decode(data: bytes, max_pixels: int, least: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The pixels of an image as shown: RGB uint8 (H, W, 3).

    With `least`, a height and a width, a JPEG comes at a half, a quarter or an eighth of its sides
    when neither then falls below it: its blocks are made small at once, in half the time.

    16-bit samples are scaled by the smallest of the 8, 10, 12, 14 and 16-bit ranges that holds the
    largest one, since cameras put 10 to 14 bits into 16. Alpha is dropped, palettes, grey and CMYK
    become RGB. Raises what `sniff` raises, and `ImageUnreadable` for truncated or corrupt data.
    """
    return decode_sniffed(data, sniff(data, max_pixels), max_pixels, least)


def decode_sniffed(
    data: bytes, facts: ImageFacts, max_pixels: int, least: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """The same for data that `sniff` has seen. Raises `ImageUnreadable`."""
    cv2 = opencv(max_pixels)
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_ANYDEPTH if facts.bit_depth > 8 else 0)
    if least is not None and (divisor := _divisor(facts, least)) > 1:
        flags = getattr(cv2, f"IMREAD_REDUCED_COLOR_{divisor}")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageUnreadable(
            f"The {facts.format.upper()} data are truncated or corrupt: the header promises "
            f"{facts.width}x{facts.height} pixels that are not there. Copy the file again."
        )
    if pixels.dtype != np.uint8:
        pixels = _to_eight_bits(pixels)
    rgb: NDArray[np.uint8] = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return rgb


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = 90) -> bytes:
    """RGB uint8 (H, W, 3) as JPEG."""
    return _encode(pixels, ".jpg", "IMWRITE_JPEG_QUALITY", quality)


def encode_png(pixels: NDArray[np.uint8], level: int = 1) -> bytes:
    """RGB uint8 (H, W, 3) as PNG, lossless."""
    return _encode(pixels, ".png", "IMWRITE_PNG_COMPRESSION", level)


def opencv(max_pixels: int) -> ModuleType:
    """OpenCV, imported on first use with its own limit on pixels set before."""
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(max_pixels))
    # What is wrong with an image is told in our own words; OpenCV's would only fill the log.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    import cv2

    return cv2


def _encode(pixels: NDArray[np.uint8], suffix: str, option: str, value: int) -> bytes:
    import cv2

    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(suffix, bgr, [getattr(cv2, option), value])
    return bytes(data)


def _divisor(facts: ImageFacts, least: tuple[int, int]) -> int:
    """By how much an image can be made smaller while it is decoded.

    Of both sides a whole part: else the last blocks would stretch the picture by some pixels.
    """
    if facts.format != "jpeg":
        return 1
    sides = list(zip((facts.height, facts.width), least, strict=True))
    return next((n for n in (8, 4, 2) if all(s % n == 0 and s // n >= m for s, m in sides)), 1)


def _facts(picture: ImageFile.ImageFile) -> ImageFacts:
    orientation = _orientation(picture)
    width, height = picture.size
    # Pillow gives a TIFF's sides as shown already.
    if orientation in (5, 6, 7, 8) and picture.format != "TIFF":
        width, height = height, width
    # Many phones put a second picture into a JPEG, for depth or 3-D; the first is the photo.
    is_pair = picture.format == "MPO"
    return ImageFacts(
        format="jpeg" if is_pair else str(picture.format).lower(),
        width=width,
        height=height,
        channels=_CHANNELS.get(picture.mode, 1),
        bit_depth=_bit_depth(picture),
        orientation=orientation,
        # Not how many: to count the pages of a TIFF takes the square of their number.
        is_animated=not is_pair and bool(getattr(picture, "is_animated", False)),
    )


def _orientation(picture: ImageFile.ImageFile) -> int:
    """The EXIF orientation, 1 to 8, from what opening the file has read.

    `getexif` of a PNG would decode the whole picture to look for a chunk behind its pixels.
    """
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return int(picture.tag_v2.get(_ORIENTATION, 1))
    exif = Image.Exif()
    exif.load(picture.info.get("exif", b""))
    return int(exif.get(_ORIENTATION, 1))


def _bit_depth(picture: ImageFile.ImageFile) -> int:
    """Bits of a sample as stored; Pillow's mode alone hides the 16 bits of an RGB image."""
    if picture.mode in _SIXTEEN_BITS:
        return 16
    if picture.format == "PNG" and picture.tile:
        rawmode: Any = picture.tile[0].args
        return 16 if "16" in str(rawmode) else 8
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        bits = picture.tag_v2.get(_BITS_PER_SAMPLE, (8,))
        return 16 if max(bits if isinstance(bits, tuple) else (bits,)) > 8 else 8
    return 8


def _to_eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    peak = int(pixels.max(initial=0))
    bits = next((n for n in (8, 10, 12, 14) if peak < 2**n), 16)
    return (pixels >> (bits - 8)).astype(np.uint8)


def _too_large(what: str, max_pixels: int) -> str:
    return (
        f"The image is {what} pixels; at most {max_pixels:,} pixels and {MAX_SIDE:,} on a side are "
        "decoded. Scale it down first."
    )
