"""SHA-256 digests in hexadecimal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

BLOCK = 1 << 18
"""Bytes of a file that are read at once."""


def sha256_of(data: bytes) -> str:
    """The digest of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: str | Path) -> str:
    """The digest of a file's bytes; blocks of it are in memory one at a time."""
    with open(path, "rb", buffering=0) as file:
        return sha256_of_blocks(iter(partial(file.read, BLOCK), b""))


def sha256_of_blocks(blocks: Iterable[bytes]) -> str:
    """The digest of bytes that come in blocks."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
