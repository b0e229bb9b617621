"""Thumbnails of failed images, made in a `LimitedProcess`, because a damaged file may crash it."""

from __future__ import annotations

from collections.abc import Callable

from roadmask.folder.mask_file import MAX_PIXELS
from roadmask.folder.reports.panels import scaled_into
from roadmask.images.decoding import decode_limited, encode_jpeg

SECONDS = 30.0
"""Longest time for one thumbnail."""


def thumbnail(image: bytes, width: int, height: int) -> bytes:
    """An image scaled into a box, as JPEG. Raises `ItemError`."""
    pixels = decode_limited(image, MAX_PIXELS, (height, width))
    return encode_jpeg(scaled_into(pixels, width, height), 80)


FUNCTIONS: dict[str, Callable[..., bytes]] = {"thumbnail": thumbnail}
