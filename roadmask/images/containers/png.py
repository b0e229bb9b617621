"""PNG (W3C PNG, third edition): its chunks, and a copy without those that no decoder needs."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from roadmask.errors import ImageAnimated, ImageUnreadable, UnsupportedFormat
from roadmask.images.colors.colorimetry import HDR_CURVES, LINEAR, profile_of
from roadmask.images.containers.exif import orientation_of
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.facts import ImageFacts, facts_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 50_000
"""No writer splits an image into more; walking them stays a matter of a second."""
MAX_METADATA = 2**22
"""Largest ICC profile or EXIF block that is read, bytes, inflated."""
_INDEXED = 3
"""The colour type of PNGs with a palette."""
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_COLORS = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_GAMMA = 0.45455
_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""The gAMA and cHRM of sRGB."""
_RAW_PROFILE = re.compile(rb"Raw profile type (?:exif|APP1)\0", re.IGNORECASE)


class PngChunk(NamedTuple):
    """A chunk: its type, and where its data are."""

    kind: bytes
    start: int
    length: int


def png_facts(file: FileBytes) -> ImageFacts:
    """The facts of a PNG. Raises `ImageUnreadable`, `ImageAnimated` and `UnsupportedFormat`."""
    chunks = list(_chunks(file))
    if chunks and chunks[0].kind == b"CgBI":
        raise UnsupportedFormat(
            "The file is a PNG in the form of iOS apps (CgBI), which is not supported. Save it as "
            "a plain PNG."
        )
    if not chunks or chunks[0].kind != b"IHDR" or chunks[0].length != 13:
        raise ImageUnreadable("The PNG does not begin with a valid header. Copy the file again.")
    if not any(chunk.kind == b"IDAT" for chunk in chunks):
        raise ImageUnreadable("The PNG has no pixels: the file is cut off. Copy it again.")
    header = file.read(chunks[0].start, 13, "PNG header")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, color = header[8], header[9]
    if not (width and height and depth in _DEPTHS.get(color, ()) and not any(header[10:12])):
        raise ImageUnreadable("The PNG's header has impossible values. Copy the file again.")
    metadata = {chunk.kind: chunk for chunk in reversed(chunks) if chunk.kind not in _NEEDED}

    def data(kind: bytes) -> bytes:
        chunk = metadata.get(kind)
        return file.peek(chunk.start, min(chunk.length, MAX_METADATA)) if chunk else b""

    if int.from_bytes(data(b"acTL")[:4], "big") > 1:
        raise ImageAnimated(
            "The PNG is animated: it has more than one frame. Send each one as a separate image."
        )
    bits = data(b"sBIT")[: _COLORS[color]]
    return facts_of(
        "png",
        (width, height),
        _CHANNELS[color],
        16 if depth == 16 else 8,
        orientation=_orientation(file, chunks, data(b"eXIf")),
        significant_bits=max(bits) if bits and depth == 16 and 8 <= max(bits) <= 16 else None,
        **_colors(data),
    )


def png_palette(file: FileBytes) -> bytes:
    """The colours of an indexed PNG, 3 bytes each; none of any other file.

    Raises `ImageUnreadable` for a PNG that is damaged in front of them.
    """
    if file.peek(0, len(SIGNATURE)) != SIGNATURE or file.peek(25, 1) != bytes([_INDEXED]):
        return b""
    chunk = next((chunk for chunk in _chunks(file) if chunk.kind == b"PLTE"), None)
    return file.peek(chunk.start, chunk.length) if chunk else b""


def decodable_png(data: bytes) -> bytes:
    """A PNG that has passed `png_facts`, without metadata and frames of an animation.

    The decoder then sees no text, profile or second frame that could be a bomb. The chunk that ends
    a PNG is added where it is missing. A PNG without such chunks is returned as it is.
    """
    file = FileBytes(data)
    chunks = list(_chunks(file))
    if all(chunk.kind in _NEEDED for chunk in chunks) and chunks[-1].kind == b"IEND":
        return data
    view = memoryview(data)
    parts = [
        view[chunk.start - 8 : chunk.start + chunk.length + 4]
        for chunk in chunks
        if chunk.kind in _NEEDED and chunk.kind != b"IEND"
    ]
    end = b"\0\0\0\0IEND\xaeB`\x82"
    return b"".join([SIGNATURE, *parts, end])


def _chunks(file: FileBytes) -> Iterator[PngChunk]:
    offset, count = len(SIGNATURE), 0
    # What follows the last chunk is no part of the image.
    while offset < file.size:
        if file.size - offset < 8 and count:
            break
        head = file.read(offset, 8, "PNG")
        kind, length = head[4:], int.from_bytes(head[:4], "big")
        if not kind.isalpha() or not kind.isascii():
            raise ImageUnreadable(
                f"The PNG has no chunk where one should be, at byte {offset:,}. "
                "The file is damaged: copy it again."
            )
        file.check(offset + 8, length, f"PNG chunk {kind.decode()}")
        file.check(offset + 8 + length, 4, f"checksum of the PNG chunk {kind.decode()}")
        yield PngChunk(kind, offset + 8, length)
        if kind == b"IEND":
            break
        offset += length + 12
        count += 1
        if count > MAX_CHUNKS:
            raise ImageUnreadable(
                f"The PNG has more than {MAX_CHUNKS:,} chunks. Save the image again."
            )


def _orientation(file: FileBytes, chunks: list[PngChunk], exif: bytes) -> int:
    xmp = b""
    for chunk in chunks:
        if chunk.kind not in (b"iTXt", b"tEXt", b"zTXt"):
            continue
        text = file.peek(chunk.start, min(chunk.length, MAX_METADATA))
        if chunk.kind == b"iTXt" and text.startswith(b"XML:com.adobe.xmp\0"):
            xmp = text
        elif not exif and (match := _RAW_PROFILE.match(text)):
            # ImageMagick writes EXIF as text: a name, the length, and the bytes in hexadecimal.
            value = text[match.end() :]
            exif = _hexadecimal(_inflated(value[1:]) if chunk.kind == b"zTXt" else value)
    return orientation_of(exif, xmp)


def _hexadecimal(text: bytes) -> bytes:
    lines = text.strip().split(b"\n")[2:]
    try:
        return bytes.fromhex(b"".join(lines).decode("ascii"))
    except ValueError:
        return b""


def _colors(data: Callable[[bytes], bytes]) -> dict[str, Any]:
    """What the chunks say of the colours, the first of them that does: cICP, iCCP, sRGB, gAMA."""
    numbers = data(b"cICP")
    # The third is that of a matrix, which PNG does not have.
    if len(numbers) == 4 and numbers[2] == 0:
        primaries, transfer, _, is_full_range = numbers
        if not is_full_range:
            raise UnsupportedFormat(
                "The PNG has samples of the narrow range of videos (chunk cICP), which is not "
                "supported. Save it with samples of the full range."
            )
        return {
            "icc_profile": profile_of(primaries, transfer),
            "hdr_curve": HDR_CURVES.get(transfer, ""),
            "is_linear": transfer == LINEAR,
        }
    if profile := _profile(data(b"iCCP")):
        return {"icc_profile": profile}
    return {} if data(b"sRGB") else {"stated_colors": _stated_colors(data(b"gAMA"), data(b"cHRM"))}


def _stated_colors(gamma: bytes, chromaticities: bytes) -> str:
    """What gAMA and cHRM say if it is not sRGB; empty if it is."""
    found = []
    if len(gamma) == 4 and abs((exponent := int.from_bytes(gamma, "big") / 1e5) - _GAMMA) > 0.03:
        found.append(f"a gamma of {exponent:.3g} (chunk gAMA)")
    if len(chromaticities) == 32:
        differences = np.array(struct.unpack(">8I", chromaticities)) / 1e5 - _CHROMATICITIES
        if np.abs(differences).max() > 0.02:
            found.append("primaries other than those of sRGB (chunk cHRM)")
    return " and ".join(found)


def _profile(chunk: bytes) -> bytes:
    # A name of at most 79 bytes, NUL, the method of compression, then the profile.
    name, _, rest = chunk.partition(b"\0")
    return _inflated(rest[1:]) if len(name) < 80 else b""


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_METADATA)
    except zlib.error:
        return b""
