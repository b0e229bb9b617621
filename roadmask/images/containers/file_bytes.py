"""The bytes of a file, read within its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Literal

from roadmask.errors import ImageEmpty, ImageUnreadable

ByteOrder = Literal["little", "big"]


class FileBytes:
    """Bytes of a file, in memory or mapped. Every read is checked against the end of the file."""

    def __init__(self, data: bytes | mmap) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int, what: str) -> bytes:
        """The bytes of `what`. Raises `ImageUnreadable` if the file ends before."""
        self.check(offset, length, what)
        return self._data[offset : offset + length]

    def peek(self, offset: int, length: int) -> bytes:
        """At most `length` bytes, fewer at the end of the file."""
        return self._data[offset : offset + length]

    def number(self, offset: int, length: int, order: ByteOrder, what: str) -> int:
        """The unsigned number of `length` bytes. Raises `ImageUnreadable` beyond the file."""
        return int.from_bytes(self.read(offset, length, what), order)

    def find(self, pattern: bytes, start: int) -> int:
        """Where a pattern is next, or -1."""
        return self._data.find(pattern, start)

    def check(self, offset: int, length: int, what: str) -> None:
        """Raise `ImageUnreadable` unless `length` bytes at `offset` are in the file."""
        if offset < 0 or length < 0 or offset + length > self.size:
            left = max(0, self.size - max(offset, 0))
            raise ImageUnreadable(
                f"The {what} has {length:,} bytes by its header, but only {left:,} are there. "
                "The file is cut off or damaged: copy it again."
            )


@contextmanager
def open_bytes(source: bytes | Path) -> Iterator[FileBytes]:
    """The bytes of a source; a file is mapped, so only what is read takes memory.

    Raises `ImageEmpty`.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size == 0:
        raise ImageEmpty("The file is empty. Copy or record it again.")
    if isinstance(source, bytes):
        yield FileBytes(source)
        return
    with source.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
        yield FileBytes(mapped)
