"""What the API draws of images that strangers sent, in a `LimitedProcess`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.images.decoding import decode_limited, encode_jpeg
from roadmask.images.labels.choice import to_categories
from roadmask.images.labels.label_option import LabelOption
from roadmask.masks.codec import decode_mask
from roadmask.masks.codec import overlay as mixed
from roadmask.schemas.pixels import Pixels

MAX_OVERLAY_PIXELS = 4_000_000
"""A larger image is scaled down for its overlay, which is for viewing, not for measuring."""


def thumbnail(image: bytes, max_pixels: int, pixels: dict[str, Any], side: int) -> bytes:
    """An image, read with `pixels`, as a JPEG of at most `side` pixels on each side."""
    import cv2

    shown = decode_limited(image, max_pixels, (side, side), Pixels(**pixels))
    return encode_jpeg(_shrunk(shown, side / max(shown.shape), cv2.INTER_AREA))


def overlay(image: bytes, mask_png: bytes, max_pixels: int, pixels: dict[str, Any]) -> bytes:
    """The coloured mask over its image, a JPEG of at most `MAX_OVERLAY_PIXELS`."""
    import cv2

    shown = decode_limited(image, max_pixels, pixels=Pixels(**pixels))
    scale = (MAX_OVERLAY_PIXELS / (shown.shape[0] * shown.shape[1])) ** 0.5
    shown = _shrunk(shown, scale, cv2.INTER_AREA)
    mask = _shrunk(decode_mask(mask_png), scale, cv2.INTER_NEAREST)
    return encode_jpeg(mixed(shown, mask))


def highest_index(mask_png: bytes) -> bytes:
    """The highest index of an annotated mask, as one byte. Raises `InvalidRequest`."""
    return bytes([int(decode_mask(mask_png).max())])


def categories(mask: bytes, labels: str, void_unknown: bool) -> bytes:
    """The canonical PNG of a mask of a label set. Raises `InvalidRequest`."""
    return to_categories(mask, LabelOption(labels, void_unknown))


def _shrunk(pixels: NDArray[np.uint8], scale: float, interpolation: int) -> NDArray[np.uint8]:
    """Scaled down, never up; each side keeps at least one pixel."""
    import cv2

    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)


FUNCTIONS: dict[str, Callable[..., bytes]] = {
    "thumbnail": thumbnail,
    "overlay": overlay,
    "highest_index": highest_index,
    "categories": categories,
}
