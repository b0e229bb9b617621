"""The API's fixtures, a client, and photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmask import Client
from tests.harness.api.fixtures import api, busy_worker, empty_api, settings, store, worker
from tests.harness.api.server import ApiServer
from tests.harness.client.photo_folders import photo

__all__ = ["api", "busy_worker", "empty_api", "settings", "store", "worker"]


@pytest.fixture
def client(empty_api: ApiServer) -> Iterator[Client]:
    """A client of an empty service."""
    with Client(empty_api.url, patience=5) as client:
        yield client


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A small tree of photos."""
    folder = tmp_path / "photos"
    for seed, name in enumerate(("a/b/deep.jpg", "a/one.jpg", "top.png", "with space ü.jpeg")):
        photo(folder / name, seed)
    return folder


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return tmp_path / "masks"
