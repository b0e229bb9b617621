"""The body of a request that is read from a file while it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from roadmask.errors import HashMismatch

BLOCK = 2**18
"""Bytes that are read at a time."""


def read_blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file, to which others may write meanwhile.

    Raises `HashMismatch` when it has become shorter.
    """
    left = size
    while left:
        block = file.read(min(BLOCK, left))
        if not block:
            raise HashMismatch("The file changed during the upload. Send it again.")
        left -= len(block)
        yield block
