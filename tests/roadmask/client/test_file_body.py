"""Files that others write to while they are uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from roadmask import Client
from roadmask.client.file_body import BLOCK, read_blocks
from roadmask.errors import HashMismatch
from tests.harness.api.server import ApiServer
from tests.harness.client.sync_async_client import SyncAsyncClient


@contextmanager
def growing(file: Path) -> Iterator[None]:
    """A process that appends to the file without a pause."""
    stop = Event()

    def write() -> None:
        with file.open("ab") as appended:
            while not stop.wait(0.001):
                appended.write(bytes(2**16))
                appended.flush()

    writer = Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("connect", [Client, SyncAsyncClient], ids=["blocking", "async"])
def test_a_file_that_grows_is_refused_alone(
    empty_api: ApiServer, tmp_path: Path, connect: Callable[..., Any]
) -> None:
    file = tmp_path / "copied.tif"
    file.write_bytes(b"II*\0" + bytes(16 * 2**20))
    with growing(file), connect(empty_api.url, patience=5) as client, pytest.raises(HashMismatch):
        client.upload(file)


def test_no_more_is_read_than_the_size() -> None:
    assert b"".join(read_blocks(BytesIO(b"twelve bytes"), 6)) == b"twelve"


def test_a_file_that_becomes_shorter_is_refused() -> None:
    blocks = read_blocks(BytesIO(bytes(BLOCK + 1)), 2 * BLOCK)
    assert len(next(blocks)) == BLOCK
    assert next(blocks) == b"\0"
    with pytest.raises(HashMismatch, match="changed during the upload"):
        next(blocks)
