"""The orientation of an image, from its EXIF or XMP metadata. What cannot be read means 1."""

from __future__ import annotations

import re

from roadmask.images.containers.file_bytes import ByteOrder

ORIENTATION = 0x0112
PREFIX = b"Exif\0\0"
_XMP = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")
_NUMBERS = {3: 2, 4: 4, 8: 2, 9: 4}
"""Bytes of the integer types of TIFF that an orientation is written in."""


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """The orientation, 1 to 8, in an EXIF block, or in an XMP packet if EXIF has none."""
    found = _from_exif(exif.removeprefix(PREFIX))
    if found is None and (match := _XMP.search(xmp)):
        found = int(match[1])
    return found if found is not None and 1 <= found <= 8 else 1


def _from_exif(tiff: bytes) -> int | None:
    if tiff[:2] not in (b"II", b"MM"):
        return None
    order: ByteOrder = "little" if tiff[:2] == b"II" else "big"

    def number(offset: int, length: int) -> int:
        # Beyond the end of the block this is 0, which is no entry and no orientation.
        return int.from_bytes(tiff[offset : offset + length], order)

    directory = number(4, 4)
    for index in range(number(directory, 2)):
        entry = directory + 2 + 12 * index
        if entry + 12 > len(tiff):
            break
        if number(entry, 2) == ORIENTATION:
            length = _NUMBERS.get(number(entry + 2, 2))
            count = number(entry + 4, 4)
            if length is None or not 1 <= count <= 4 // length:
                return None
            return number(entry + 8, length)
    return None
