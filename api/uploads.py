"""Uploads: a request's body goes to a file block by block, hashed and counted on its way.

Nothing here holds a whole file in memory, and a declared length is never believed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from roadmask.errors import UnsupportedFormat, UploadTooLarge

BLOCK = 2**20
"""Bytes handed to the disk at once."""
PATIENCE = 4
"""A body up to so many times the limit is read to its end before it is refused, since a client
that is cut off while it sends seldom gets to read the answer."""
PREFIX = "roadmask-upload-"
"""How the folders of requests are called."""
ABANDONED_S = 24 * 3600
"""Age at which such a folder is taken for that of a dead process, seconds."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file. `path` holds all its bytes, unless there were more than allowed."""

    path: Path
    size: int
    """Bytes that came; more than the limit when the file was cut off."""
    sha256: str
    filename: str | None = None


class Spool:
    """Writes one file, at most `limit` bytes of it."""

    def __init__(self, path: Path, limit: int, filename: str | None = None) -> None:
        self._path = path
        self._filename = filename
        self._limit = limit
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes | memoryview) -> None:
        """Take the next bytes; those beyond the limit are counted only."""
        self.size += len(block)
        if self.size <= self._limit:
            self._hash.update(block)
            self._file.write(block)

    def finish(self) -> Upload:
        """Close the file and say what came."""
        self._file.close()
        return Upload(self._path, self.size, self._hash.hexdigest(), self._filename)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the files of one request, gone when it is answered."""
    with TemporaryDirectory(prefix=PREFIX) as folder:
        yield Path(folder)


def clear_abandoned() -> None:
    """Remove the folders of requests whose process was killed."""
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        # Another process may be clearing up at this moment.
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < time.time() - ABANDONED_S:
                rmtree(folder, ignore_errors=True)


def refuse_encoding(request: Request) -> None:
    """Raise `UnsupportedFormat` for a compressed body: unpacking could grow it without limit."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedFormat(
            f"The body came with Content-Encoding {encoding[:40]!r}. Send the bytes as they are."
        )


async def blocks(request: Request, limit: int, patience: int = 1) -> AsyncIterator[bytes]:
    """The request's body in blocks of about `BLOCK` bytes.

    Raises `UploadTooLarge` as soon as more than `patience * limit` bytes came or are announced.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > patience * limit:
        raise too_large(limit)
    pending, received = bytearray(), 0
    async for chunk in request.stream():
        pending += chunk
        received += len(chunk)
        if received > patience * limit:
            raise too_large(limit)
        if len(pending) >= BLOCK:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


async def receive_file(request: Request, folder: Path, limit: int) -> Upload:
    """Receive the request's raw body as a file in `folder`.

    Raises `UploadTooLarge` beyond `limit` bytes and `UnsupportedFormat` for a compressed body.
    """
    refuse_encoding(request)
    spool = Spool(folder / "body", limit)
    try:
        async for block in blocks(request, limit, PATIENCE):
            await run_in_threadpool(spool.write, block)
    finally:
        upload = spool.finish()
    check_size(upload, limit)
    return upload


def check_size(upload: Upload, limit: int) -> None:
    """Raise `UploadTooLarge` when the file had more bytes than allowed."""
    if upload.size > limit:
        raise too_large(limit, upload.filename)


def too_large(limit: int, filename: str | None = None) -> UploadTooLarge:
    """The error for a body or a file of more than `limit` bytes."""
    what = repr(filename[:200]) if filename else "The body"
    return UploadTooLarge(f"{what} has more than the {limit:,} bytes that are taken.")
