"""Sniffing: what the header of an image file says, without decoding a pixel.

The containers are walked by our own code, and every length in them is checked against the file
before any decoder sees it. What `sniff` says about format, size and orientation is final: a decoder
that finds something else makes the image an error.
"""

from __future__ import annotations

from pathlib import Path

from roadmask.errors import ImageTooLarge
from roadmask.images.containers.bmp import bmp_facts
from roadmask.images.containers.file_bytes import FileBytes, open_bytes
from roadmask.images.containers.heif import HEIF_BRANDS, brands, heif_facts
from roadmask.images.containers.jpeg import jpeg_facts
from roadmask.images.containers.other_formats import unsupported
from roadmask.images.containers.png import SIGNATURE, png_facts
from roadmask.images.containers.tiff import tiff_facts
from roadmask.images.containers.webp import webp_facts
from roadmask.images.facts import ImageFacts

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIC", "AVIF")
LOSSY_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".heic", ".heif", ".hif", ".avif"}
)
"""Suffixes of photos that no mask has, because its ids would change."""
SUFFIXES = LOSSY_SUFFIXES | {".png", ".webp", ".tif", ".tiff", ".bmp", ".dib"}
CONTENT_TYPES = {name.lower(): f"image/{name.lower()}" for name in FORMATS}
MAX_SIDE = 32_768
"""Longest side, pixels; no street camera makes larger images."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def sniff(source: bytes | Path, max_pixels: int) -> ImageFacts:
    """The facts in the header of an image of at most `max_pixels` pixels; no pixel is decoded.

    Raises `ImageEmpty`, `UnsupportedFormat`, `ImageUnreadable`, `ImageAnimated` or `ImageTooLarge`.
    """
    with open_bytes(source) as file:
        facts = _facts(file, max_pixels)
    if facts.width * facts.height > max_pixels or max(facts.width, facts.height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The image has {facts.width}x{facts.height} pixels. At most {max_pixels:,} pixels, "
            f"and {MAX_SIDE:,} on each side, are accepted. Scale the image down."
        )
    return facts


def _facts(file: FileBytes, max_pixels: int) -> ImageFacts:
    head = file.peek(0, 16)
    if head.startswith(b"\xff\xd8"):
        return jpeg_facts(file)
    if head.startswith(SIGNATURE):
        return png_facts(file)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return webp_facts(file)
    if head.startswith(_TIFF):
        return tiff_facts(file, max_pixels)
    if head.startswith(b"BM"):
        return bmp_facts(file)
    if head[4:8] == b"ftyp" and brands(file) & HEIF_BRANDS:
        return heif_facts(file)
    raise unsupported(file)
