"""TIFF and BigTIFF: the directories of a file and the values of their entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageUnreadable
from roadmask.images.containers.file_bytes import ByteOrder, FileBytes

MAX_DIRECTORIES = 1000
MAX_ENTRIES = 4096
_TYPES = {1: "u1", 2: "u1", 3: "u2", 4: "u4", 5: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4"} | {
    10: "i4",
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}
_RATIONALS = (5, 10)


@dataclass(frozen=True, slots=True)
class TiffDirectory:
    """The entries of one page, by tag. Values are read when they are asked for."""

    file: FileBytes
    order: ByteOrder
    is_big: bool
    entries: dict[int, tuple[int, int, int]]
    """Type, count and place of the values."""
    next_at: int
    """Place of the next directory, or 0."""

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def values(self, tag: int) -> NDArray[Any]:
        """The values of a tag; none without it. Raises `ImageUnreadable` beyond the file."""
        if tag not in self.entries:
            return np.zeros(0, np.int64)
        kind, count, place = self.entries[tag]
        dtype = np.dtype(("<" if self.order == "little" else ">") + _TYPES.get(kind, "u1"))
        count *= 2 if kind in _RATIONALS else 1
        data = self.file.read(place, count * dtype.itemsize, f"TIFF tag {tag}")
        return np.frombuffer(data, dtype)

    def integers(self, tag: int) -> NDArray[Any]:
        """The values of a tag that has integers. Raises `ImageUnreadable` for any others."""
        values = self.values(tag)
        if values.dtype.kind not in "ui":
            raise ImageUnreadable(
                f"The TIFF tag {tag} has no whole numbers. The file is damaged: copy it again."
            )
        return values

    def number(self, tag: int, default: int) -> int:
        """The first value of a tag, as an integer."""
        values = self.values(tag)
        return int(values[0]) if values.size and np.isfinite(values[0]) else default

    def fractions(self, tag: int) -> list[float]:
        """The values of a tag as fractions; none without it, or if one is not finite."""
        values = self.values(tag).astype(np.float64)
        if values.size and self.entries[tag][0] in _RATIONALS:
            with np.errstate(all="ignore"):
                values = values[::2] / values[1::2]
        return values.tolist() if np.isfinite(values).all() else []

    def text(self, tag: int) -> str:
        """The text of a tag, empty without it."""
        return self.values(tag).tobytes()[:65_536].split(b"\0")[0].decode("latin-1").strip()


def read_directories(file: FileBytes) -> list[TiffDirectory]:
    """The directories of the pages, in their order. Raises `ImageUnreadable`."""
    order, is_big, place = _header(file)
    directories: list[TiffDirectory] = []
    seen: set[int] = set()
    while place and place not in seen and len(directories) < MAX_DIRECTORIES:
        seen.add(place)
        directories.append(read_directory(file, order, place, is_big=is_big))
        place = directories[-1].next_at
    if not directories:
        raise ImageUnreadable("The TIFF has no page. Copy the file again.")
    return directories


def sub_directories(parent: TiffDirectory) -> Iterator[TiffDirectory]:
    """The directories that a page names in its tag SubIFDs, those that can be read."""
    for place in parent.integers(330)[:16]:
        try:
            yield read_directory(parent.file, parent.order, int(place), is_big=parent.is_big)
        except ImageUnreadable:
            continue


def read_directory(file: FileBytes, order: ByteOrder, place: int, *, is_big: bool) -> TiffDirectory:
    """The directory at a place. Raises `ImageUnreadable`."""
    count_bytes, entry_bytes, offset_bytes = (8, 20, 8) if is_big else (2, 12, 4)
    count = file.number(place, count_bytes, order, "TIFF directory")
    if count > MAX_ENTRIES:
        raise ImageUnreadable(
            f"A directory of the TIFF has {count:,} entries. The file is damaged: copy it again."
        )
    start = place + count_bytes
    table = file.read(start, count * entry_bytes, "TIFF directory")
    entries: dict[int, tuple[int, int, int]] = {}
    for at in range(0, len(table), entry_bytes):
        tag = int.from_bytes(table[at : at + 2], order)
        kind = int.from_bytes(table[at + 2 : at + 4], order)
        values = int.from_bytes(table[at + 4 : at + 4 + offset_bytes], order)
        item = np.dtype(_TYPES.get(kind, "u1")).itemsize * (2 if kind in _RATIONALS else 1)
        value_at = at + 4 + offset_bytes
        inline = values * item <= offset_bytes
        where = (
            start + value_at
            if inline
            else int.from_bytes(table[value_at : value_at + offset_bytes], order)
        )
        entries.setdefault(tag, (kind, values, where))
    end = start + len(table)
    # A file may end right after its last directory.
    next_at = int.from_bytes(file.peek(end, offset_bytes), order)
    return TiffDirectory(file, order, is_big, entries, next_at)


def _header(file: FileBytes) -> tuple[ByteOrder, bool, int]:
    order: ByteOrder = "little" if file.peek(0, 2) == b"II" else "big"
    is_big = file.number(2, 2, order, "TIFF header") == 43
    if not is_big:
        return order, False, file.number(4, 4, order, "TIFF header")
    return order, True, file.number(8, 8, order, "TIFF header")
