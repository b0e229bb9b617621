"""The contract of an object store. `LocalStore` and `MinioStore` implement it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

BLOCK = 256 * 1024
"""Bytes in one block of a stream."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Facts about a stored object."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    content_type: str


class ObjectStore(Hashable, Protocol):
    """Bytes under keys.

    Every implementation raises `InvalidId` for an invalid key (see `check_key`), `ObjectNotFound`
    for a missing object and `StoreUnavailable` when the store is unreachable, instead of the errors
    of its library. A store may be used from many threads, and after a fork.
    """

    @property
    def concurrency(self) -> int:
        """How many parallel calls make a task faster; 1 without a network."""
        ...

    def put(self, key: str, data: bytes, content_type: str, *, durable: bool = True) -> None:
        """Store bytes. A reader sees the old object or the whole new one, never a part.

        With `durable=False` the object may be lost or damaged in a power cut. That is for objects
        that can be made again and whose readers detect damage.
        """
        ...

    def put_file(
        self, key: str, path: Path, content_type: str, *, handed_over: bool = False
    ) -> None:
        """Store a file without holding it in memory.

        With `handed_over` the caller never writes to the file again, so it need not be copied.
        """
        ...

    def get(self, key: str) -> bytes:
        """Return the whole object."""
        ...

    def stream(self, key: str) -> Iterator[bytes]:
        """Return the object in blocks, without holding it in memory.

        A missing key raises at this call, not when the first block is read.
        """
        ...

    def info(self, key: str) -> ObjectInfo:
        """Return facts about the object."""
        ...

    def exists(self, key: str) -> bool:
        """Whether an object has this key."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object. A missing object is not an error."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Iterate over all keys that begin with `prefix`, in order.

        Objects of other programs whose names are no valid keys are left out.
        """
        ...

    def url(self, key: str, ttl: timedelta) -> str:
        """Return a signed URL for GET requests by clients, valid for `ttl`.

        `ttl` is 1 second to 7 days. The key need not exist yet, and signing needs no network.
        """
        ...

    def check(self) -> None:
        """Check that the store can be used, and make a missing bucket or folder.

        Raises `StoreUnavailable`.
        """
        ...


def attachment(filename: str) -> str:
    """Return the `Content-Disposition` that saves a download as `filename` (RFC 6266)."""
    plain = re.sub(r'[^\x20-\x7e]|["\\/%]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
