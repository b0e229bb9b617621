"""Thumbnails of images that failed, made in a `LimitedProcess`: the file may be what is wrong."""

from __future__ import annotations

from collections.abc import Callable

from roadmask import memory_limit
from roadmask.folder.mask_file import MAX_PIXELS
from roadmask.folder.reports.panels import scaled_into
from roadmask.images.decoders.opencv import opencv
from roadmask.images.decoding import decode_sniffed, encode_jpeg
from roadmask.images.sniffing import sniff

SECONDS = 30.0
"""Longest time for one thumbnail."""


def thumbnail(image: bytes, width: int, height: int) -> bytes:
    """An image scaled into a box, as JPEG. Raises `ItemError`."""
    # Before the limit: what a library takes when it is loaded is not the image's fault.
    opencv(MAX_PIXELS)
    facts = sniff(image, MAX_PIXELS)
    with memory_limit.limited_for(facts):
        pixels = decode_sniffed(image, facts, MAX_PIXELS, (height, width)).pixels
    return encode_jpeg(scaled_into(pixels, width, height), 80)


FUNCTIONS: dict[str, Callable[..., bytes]] = {"thumbnail": thumbnail}
