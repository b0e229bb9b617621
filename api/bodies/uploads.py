"""Uploads: the body of a request is written to a file in blocks, which are hashed and counted.

No file is in memory as a whole, and a declared length is never trusted.
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

from roadmask.errors import UploadTooLarge

BLOCK = 2**20
"""Bytes written to disk at once."""
DRAIN_FACTOR = 4
"""A body of up to this many times the limit is read to its end before it is refused, because most
clients cannot read an answer while they send."""
FOLDER_PREFIX = "roadmask-upload-"
ABANDONED_S = 24 * 3600
"""Age at which the folder of a request counts as abandoned by a dead process, seconds."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file. `path` holds all its bytes, unless it has more than `limit`."""

    path: Path
    size: int
    """Bytes received, including those beyond the limit, which are not written."""
    limit: int
    sha256: str
    filename: str | None = None

    def check_complete(self) -> None:
        """Raise `UploadTooLarge` when the file has more bytes than its limit."""
        if self.size > self.limit:
            raise too_large(self.limit, self.filename)


class UploadWriter:
    """Writes one file, at most `limit` bytes of it."""

    def __init__(self, path: Path, limit: int, filename: str | None = None) -> None:
        self._path = path
        self._filename = filename
        self._limit = limit
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, block: bytes | memoryview) -> None:
        """Write the next bytes; bytes beyond the limit are only counted."""
        self.size += len(block)
        if self.size <= self._limit:
            self._hash.update(block)
            self._file.write(block)

    def finish(self) -> Upload:
        """Close the file and return the upload."""
        self._file.close()
        return Upload(self._path, self.size, self._limit, self._hash.hexdigest(), self._filename)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for the files of one request, removed when the request is answered."""
    # A failed removal must not fail the request: the next start of the API removes the folder.
    with TemporaryDirectory(prefix=FOLDER_PREFIX, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def remove_abandoned_folders() -> None:
    """Remove the folders of requests whose process was killed."""
    for folder in Path(gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        # Another process may remove it at this moment.
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < time.time() - ABANDONED_S:
                rmtree(folder, ignore_errors=True)


async def read_blocks(request: Request, limit: int, drain_factor: int = 1) -> AsyncIterator[bytes]:
    """The request's body in blocks of about `BLOCK` bytes.

    Raises `UploadTooLarge` when more than `drain_factor * limit` bytes are received or declared.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > drain_factor * limit:
        raise too_large(limit)
    # Chunks are joined once per block: a growing buffer took a fifth of the time of an upload.
    pending: list[bytes] = []
    received = waiting = 0
    async for chunk in request.stream():
        pending.append(chunk)
        received += len(chunk)
        waiting += len(chunk)
        if received > drain_factor * limit:
            raise too_large(limit)
        if waiting >= BLOCK:
            yield b"".join(pending)
            pending.clear()
            waiting = 0
    if waiting:
        yield b"".join(pending)


async def receive_file(request: Request, folder: Path, limit: int) -> Upload:
    """Receive the request's body as a file in `folder`. Raises `UploadTooLarge`."""
    writer = UploadWriter(folder / "body", limit)
    try:
        async for block in read_blocks(request, limit, DRAIN_FACTOR):
            await run_in_threadpool(writer.write, block)
    finally:
        upload = writer.finish()
    upload.check_complete()
    return upload


def too_large(limit: int, filename: str | None = None) -> UploadTooLarge:
    """The error for a body or a file of more than `limit` bytes."""
    what = repr(filename[:200]) if filename else "The body"
    return UploadTooLarge(f"{what} has more than {limit:,} bytes, which is the limit.")
