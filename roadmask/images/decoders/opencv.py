"""JPEG, PNG, WebP and AVIF by OpenCV, which is told not to turn them."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageUnreadable
from roadmask.images.containers.png import decodable_png
from roadmask.images.facts import ImageFacts


def opencv(max_pixels: int) -> ModuleType:
    """OpenCV, imported on first use, after its own limit on pixels is set."""
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(max_pixels))
    # Damaged images raise errors of ours; OpenCV's messages would only fill the log.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    import cv2

    return cv2


def decode_by_opencv(
    data: bytes, facts: ImageFacts, max_pixels: int, divisor: int = 1
) -> NDArray[Any]:
    """The samples of an image that has been sniffed, uint8 or uint16: (H, W), or (H, W, 3) RGB.

    A JPEG is decoded at 1/`divisor` of its size. Raises `ImageUnreadable`.
    """
    cv2 = opencv(max_pixels)
    # The flags of a reduced size are those of grey with one bit more.
    flags = getattr(cv2, f"IMREAD_REDUCED_GRAYSCALE_{divisor}") if divisor > 1 else 0
    # OpenCV gives AVIF with alpha as BGR, whatever it is asked for.
    is_bgr = facts.format == "avif"
    if facts.channels > 2:
        flags |= cv2.IMREAD_COLOR if is_bgr else cv2.IMREAD_COLOR_RGB
    if facts.bit_depth > 8:
        flags |= cv2.IMREAD_ANYDEPTH
    if facts.format == "png":
        data = decodable_png(data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageUnreadable(
            f"The {facts.format.upper()} data are truncated or corrupt: the "
            f"{facts.width}x{facts.height} pixels of the header cannot be decoded. "
            "Copy the file again."
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if is_bgr else pixels)
