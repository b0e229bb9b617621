"""JPEG (ITU-T T.81): its segments up to the first scan."""

from __future__ import annotations

from collections.abc import Iterator

from roadmask.errors import ImageUnreadable, UnsupportedFormat
from roadmask.images.containers.exif import PREFIX, orientation_of
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.facts import ImageFacts, facts_of

MAX_SEGMENTS = 20_000
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
PROFILE_PREFIX = b"ICC_PROFILE\0"
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_DECODED = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Frames of 8-bit Huffman or arithmetic coding, sequential or progressive."""
_CODINGS = {0xC3: "lossless JPEG", 0xCB: "lossless JPEG", 0xF7: "JPEG-LS"}


def jpeg_facts(file: FileBytes) -> ImageFacts:
    """The facts of a JPEG. Raises `ImageUnreadable` and `UnsupportedFormat`."""
    exif = xmp = frame = b""
    kind, has_adobe = 0, False
    profile: dict[int, bytes] = {}
    for marker, start, length in _segments(file):
        if marker in _FRAMES and not frame:
            kind, frame = marker, file.read(start, length, "JPEG frame header")
        elif marker == 0xE1:
            data = file.read(start, length, "JPEG metadata")
            if data.startswith(PREFIX) and not exif:
                exif = data
            elif data.startswith(XMP_PREFIX) and not xmp:
                xmp = data
        elif marker == 0xE2 and file.peek(start, 12) == PROFILE_PREFIX and length > 14:
            data = file.read(start, length, "JPEG colour profile")
            profile[data[12]] = data[14:]
        elif marker == 0xEE and file.peek(start, 5) == b"Adobe":
            has_adobe = True
    if len(frame) < 6:
        raise ImageUnreadable("The JPEG has no frame: its header is cut off. Copy the file again.")
    precision, channels = frame[0], frame[5]
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    _check_coding(kind, precision)
    if not height:
        raise UnsupportedFormat(
            "The JPEG states its height behind its pixels (DNL), which is not supported. Save it "
            "again with another program."
        )
    if not (width and channels in (1, 3, 4) and len(frame) >= 6 + 3 * channels):
        raise ImageUnreadable("The JPEG's header has impossible values. Copy the file again.")
    if channels == 4 and not has_adobe:
        raise UnsupportedFormat(
            "The JPEG has 4 channels and does not say what they are (no Adobe marker): CMYK, "
            "inverted CMYK, or RGB with alpha. Save it as RGB."
        )
    icc_profile = b"".join(profile[part] for part in sorted(profile))
    return facts_of(
        "jpeg",
        (width, height),
        channels,
        8,
        orientation=orientation_of(exif, xmp),
        icc_profile=icc_profile,
        is_lossy=True,
    )


def _check_coding(kind: int, precision: int) -> None:
    name = _CODINGS.get(kind, "")
    if not name and precision != 8:
        name = f"{precision}-bit JPEG"
    if not name and kind not in _DECODED:
        name = "hierarchical JPEG"
    if name:
        raise UnsupportedFormat(
            f"The file is a {name}, which is not supported. Save it as PNG, TIFF or 8-bit JPEG."
        )


def _segments(file: FileBytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and length of each segment before the first scan."""
    offset = 2
    for _ in range(MAX_SEGMENTS):
        # Decoders skip what stands between two segments.
        offset = file.find(b"\xff", offset)
        if offset < 0:
            return
        marker = file.number(offset + 1, 1, "big", "JPEG")
        if marker in (0xDA, 0xD9):
            return
        if marker in (0x00, 0xFF):
            offset += 1
        elif marker in _STANDALONE:
            offset += 2
        else:
            length = file.number(offset + 2, 2, "big", "JPEG segment")
            if length < 2:
                raise ImageUnreadable(
                    f"A segment of the JPEG has an impossible length, at byte {offset:,}. "
                    "The file is damaged: copy it again."
                )
            file.check(offset + 2, length, "JPEG segment")
            yield marker, offset + 4, length - 2
            offset += 2 + length
    raise ImageUnreadable(
        f"The JPEG's header has more than {MAX_SEGMENTS:,} segments. Save the image again."
    )
