"""HEIC and AVIF (ISO/IEC 23008-12): the boxes that describe the primary image."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from roadmask.errors import ImageAnimated, ImageUnreadable, UnsupportedFormat
from roadmask.images.colors.colorimetry import HDR_CURVES, LINEAR, profile_of
from roadmask.images.containers.file_bytes import FileBytes
from roadmask.images.facts import TRANSPOSED, ImageFacts, facts_of

MAX_BOXES = 20_000
MAX_PROFILE = 2**22
AVIF_BRANDS = frozenset({b"avif", b"avio"})
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"miaf"})
SEQUENCE_BRANDS = frozenset({b"avis", b"hevc", b"hevx", b"msf1"})
HEIF_BRANDS = AVIF_BRANDS | HEIC_BRANDS | SEQUENCE_BRANDS
_TURNS = {0: 1, 1: 8, 2: 3, 3: 6}
"""EXIF orientation of a rotation by so many quarter turns against the clock."""
_FLIPS = ({1: 4, 6: 7, 3: 2, 8: 5}, {1: 2, 6: 5, 3: 4, 8: 7})
"""EXIF orientation of a rotation that is then mirrored, top to bottom (0) or left to right (1)."""
_FULL_BOX = 4
"""Bytes of version and flags."""


class Box(NamedTuple):
    """A box: its type, and where its content is."""

    kind: bytes
    start: int
    end: int


class Fields:
    """The numbers of a box, read one after the other."""

    def __init__(self, file: FileBytes, box: Box) -> None:
        self._file, self._at = file, box.start
        self._name = f"HEIF box {box.kind.decode('latin-1')}"
        self._end = box.end
        self.version = self.next(1)
        self.flags = self.next(3)

    def next(self, length: int) -> int:
        """The next number; 0 bytes are a 0. Raises `ImageUnreadable` at the end of the box."""
        if self._at + length > self._end:
            raise ImageUnreadable(f"The {self._name} is cut off. Copy the file again.")
        value = self._file.number(self._at, length, "big", self._name)
        self._at += length
        return value

    def skip(self, length: int) -> None:
        self._at += length


def brands(file: FileBytes) -> set[bytes]:
    """The brands of the box ftyp at the start of a file."""
    length = file.number(0, 4, "big", "HEIF header")
    names = file.peek(8, min(length, 256) - 8)
    return {names[at : at + 4] for at in range(0, len(names) - 3, 4) if at != 4}


class HeifImage(NamedTuple):
    """The primary image, as its properties describe it."""

    crop: tuple[int, int, int, int]
    """Left, top, width and height of what is shown of the coded pixels, before they are turned."""
    orientation: int
    """EXIF orientation of the rotation and mirroring."""
    depth: int
    icc_profile: bytes
    hdr_curve: str
    is_linear: bool


def heif_facts(file: FileBytes) -> ImageFacts:
    """The facts of a HEIC or AVIF image.

    Raises `ImageUnreadable`, `ImageAnimated` and `UnsupportedFormat`.
    """
    image = heif_image(file)
    is_avif = bool(brands(file) & AVIF_BRANDS)
    width, height = image.crop[2:]
    if not is_avif and image.orientation in TRANSPOSED:
        # The decoder of HEIC gives pixels that are turned already.
        width, height = height, width
    return facts_of(
        "avif" if is_avif else "heic",
        (width, height),
        3,
        8 if image.depth <= 8 else 16,
        orientation=image.orientation if is_avif else 1,
        # The decoder of HEIC gives 8 bits already.
        significant_bits=image.depth if is_avif and 8 < image.depth <= 16 else None,
        icc_profile=image.icc_profile,
        hdr_curve=image.hdr_curve,
        is_linear=image.is_linear,
        is_lossy=True,
        needs_sandbox=True,
    )


def heif_image(file: FileBytes) -> HeifImage:
    """The primary image of a file. Raises what `heif_facts` raises."""
    top = {box.kind: box for box in _boxes(file, 0, file.size)}
    if file.peek(8, 4) in SEQUENCE_BRANDS:
        raise ImageAnimated("The file is a sequence of images. Send each one by itself.")
    if b"meta" not in top:
        raise ImageUnreadable("The HEIF file describes no image. Copy the file again.")
    meta = top[b"meta"]
    inside = {box.kind: box for box in _boxes(file, meta.start + _FULL_BOX, meta.end)}
    for kind in (b"pitm", b"iloc", b"iprp"):
        if kind not in inside:
            raise ImageUnreadable(
                f"The HEIF file has no box {kind.decode()}. It is damaged: copy it again."
            )
    _check_extents(Fields(file, inside[b"iloc"]), file)
    fields = Fields(file, inside[b"pitm"])
    primary = fields.next(4 if fields.version else 2)
    return _described(file, _properties(file, inside[b"iprp"], primary))


def _described(file: FileBytes, properties: list[Box]) -> HeifImage:
    by_kind = {box.kind: box for box in properties}
    if b"ispe" not in by_kind:
        raise UnsupportedFormat(
            "The HEIF file does not state the size of its image (property ispe). Save it as JPEG "
            "or PNG."
        )
    fields = Fields(file, by_kind[b"ispe"])
    crop = (0, 0, fields.next(4), fields.next(4))
    if b"clap" in by_kind:
        crop = _crop(file, by_kind[b"clap"], *crop[2:])
    if not (crop[2] and crop[3]):
        raise ImageUnreadable("The HEIF file's header has impossible values. Copy the file again.")
    orientation = 1
    for box in properties:
        if box.kind == b"irot":
            orientation = _TURNS[file.number(box.start, 1, "big", "HEIF box irot") & 3]
        elif box.kind == b"imir":
            axis = file.number(box.start, 1, "big", "HEIF box imir") & 1
            orientation = _FLIPS[axis].get(orientation, orientation)
    profile, (primaries, transfer) = b"", (0, 0)
    # An image may have two of these: a profile, and the numbers of its colours.
    for colr in (box for box in properties if box.kind == b"colr"):
        kind = file.peek(colr.start, 4)
        if kind in (b"prof", b"rICC"):
            profile = file.peek(colr.start + 4, min(colr.end - colr.start - 4, MAX_PROFILE))
        elif kind == b"nclx":
            primaries = file.number(colr.start + 4, 2, "big", "HEIF box colr")
            transfer = file.number(colr.start + 6, 2, "big", "HEIF box colr")
    depth = 8
    if pixi := by_kind.get(b"pixi"):
        fields = Fields(file, pixi)
        depth = fields.next(1) and fields.next(1)
    curve, is_linear = HDR_CURVES.get(transfer, ""), transfer == LINEAR and not profile
    profile = profile or profile_of(primaries, transfer)
    return HeifImage(crop, orientation, depth, profile, curve, is_linear)


def _crop(file: FileBytes, box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The clean aperture: its size and the distance of its middle from that of the image."""
    words = np.frombuffer(file.read(box.start, 32, "HEIF box clap"), ">i4").tolist()
    if not all(words[1::2]):
        raise ImageUnreadable("The HEIF file's crop has impossible values. Copy the file again.")
    wide, high, right, down = (Fraction(words[at], words[at + 1]) for at in range(0, len(words), 2))
    left = Fraction(width - wide, 2) + right
    top = Fraction(height - high, 2) + down
    if not (0 < wide <= width and 0 < high <= height and left >= 0 and top >= 0):
        raise ImageUnreadable("The HEIF file's crop has impossible values. Copy the file again.")
    return int(left), int(top), int(wide), int(high)


def _properties(file: FileBytes, box: Box, item: int) -> list[Box]:
    """The properties of an item, in their order."""
    inside = list(_boxes(file, box.start, box.end))
    container = next((each for each in inside if each.kind == b"ipco"), None)
    tables = [Fields(file, each) for each in inside if each.kind == b"ipma"]
    if container is None or not tables:
        raise ImageUnreadable("The HEIF file describes no image. Copy the file again.")
    if len({(fields.version, fields.flags) for fields in tables}) < len(tables):
        raise UnsupportedFormat(
            "The HEIF file has two boxes ipma of one kind, which its standard forbids and decoders "
            "refuse. Save it as JPEG or PNG."
        )
    all_properties = list(_boxes(file, container.start, container.end))
    for fields in tables:
        length = 2 if fields.flags & 1 else 1
        for _ in range(fields.next(4)):
            this = fields.next(4 if fields.version else 2)
            numbers = [fields.next(length) for _ in range(fields.next(1))]
            if this == item:
                places = [(number & (0x7FFF if length == 2 else 0x7F)) - 1 for number in numbers]
                return [all_properties[at] for at in places if 0 <= at < len(all_properties)]
    return []


def _check_extents(fields: Fields, file: FileBytes) -> None:
    """Check that the data of all items are in the file, where they are outside of `meta`."""
    sizes = fields.next(2)
    offset_bytes, length_bytes = sizes >> 12, sizes >> 8 & 15
    base_bytes, index_bytes = sizes >> 4 & 15, sizes & 15 if fields.version else 0
    for _ in range(fields.next(4 if fields.version == 2 else 2)):
        fields.skip(4 if fields.version == 2 else 2)
        method = fields.next(2) & 15 if fields.version else 0
        fields.skip(2)
        base = fields.next(base_bytes)
        for _ in range(fields.next(2)):
            fields.skip(index_bytes)
            offset, length = fields.next(offset_bytes), fields.next(length_bytes)
            if method == 0:
                file.check(base + offset, length, "HEIF image")


def _boxes(file: FileBytes, offset: int, end: int) -> Iterator[Box]:
    for _ in range(MAX_BOXES):
        if offset + 8 > end:
            return
        length = file.number(offset, 4, "big", "HEIF box")
        kind, head = file.read(offset + 4, 4, "HEIF box"), 8
        if length == 1:
            length, head = file.number(offset + 8, 8, "big", "HEIF box"), 16
        elif length == 0:
            length = end - offset
        if length < head:
            raise ImageUnreadable("A box of the HEIF file has an impossible length. Copy it again.")
        file.check(offset, length, f"HEIF box {kind.decode('latin-1')}")
        yield Box(kind, offset + head, offset + length)
        offset += length
    raise ImageUnreadable(f"The HEIF file has more than {MAX_BOXES:,} boxes. Save it again.")
