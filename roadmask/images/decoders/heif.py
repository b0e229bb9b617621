"""HEIC by libheif, and AVIF by OpenCV with the crop that its container asks for."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadmask.errors import ImageUnreadable
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.containers.heif import heif_image
from roadmask.images.decoders.missing import needs_package
from roadmask.images.decoders.opencv import decode_by_opencv
from roadmask.images.facts import ImageFacts

_EXIF_ITEM = re.compile(rb"(infe.{8,10})Exif", re.DOTALL)
"""The entry of EXIF in the list of items."""


def decode_heic(data: bytes) -> NDArray[np.uint8]:
    """The pixels of a HEIC image as they are shown, RGB uint8 (H, W, 3).

    The library turns and crops them, which cannot be turned off. Raises `ImageUnreadable`, and
    `UnsupportedFormat` if it is not installed.
    """
    try:
        import pi_heif
    except ImportError:
        raise needs_package("HEIC", "pi-heif") from None
    pi_heif.options.DECODE_THREADS = 1
    try:
        picture = pi_heif.open_heif(data, convert_hdr_to_8bit=True)
        # A copy: the picture frees its own memory.
        pixels = np.array(picture)
    except MemoryError:
        raise
    except Exception as error:
        # Its errors are of many kinds, those of its C library among them.
        raise ImageUnreadable(
            "The pixels of the HEIC image cannot be decoded. The file is damaged: copy it again."
        ) from error
    return pixels if pixels.ndim == 2 else pixels[..., :3]


def decode_avif(data: bytes, facts: ImageFacts, max_pixels: int) -> NDArray[Any]:
    """The samples of an AVIF image, not turned: (H, W, 3) RGB. Raises `ImageUnreadable`."""
    samples: NDArray[Any] | None
    try:
        samples = decode_by_opencv(data, facts, max_pixels)
    except ImageUnreadable:
        # EXIF that cannot be read makes the whole image an error there, and it means nothing here.
        data = _EXIF_ITEM.sub(rb"\1skip", data)
        samples = _by_pillow(data)
        if samples is None:
            raise
    left, top, width, height = heif_image(FileBytes(data)).crop
    return samples[top : top + height, left : left + width]


def _by_pillow(data: bytes) -> NDArray[np.uint8] | None:
    """The pixels of an AVIF, not turned, RGB; None if Pillow does not read it either."""
    try:
        with Image.open(io.BytesIO(data), formats=["AVIF"]) as picture:
            return np.asarray(picture.convert("RGB"))
    except MemoryError:
        raise
    except Exception:
        return None
