"""The API's fixtures, a client of it, a worker without a model that keeps at it, and photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from redis import Redis

from roadmask import Client
from roadmask.jobs import OPEN_STATES
from roadmask.settings import Settings
from storage.job_records import JobRecords
from storage.local_store import LocalStore
from tests.api.fake_worker import FakeWorker
from tests.api.fixtures import api, empty_api, settings, store, worker
from tests.api.server import ApiServer
from tests.client.photo_folders import photo

__all__ = ["api", "empty_api", "settings", "store", "worker"]


@pytest.fixture
def client(empty_api: ApiServer) -> Iterator[Client]:
    """A client of an empty service."""
    with Client(empty_api.url, patience=5) as client:
        yield client


@pytest.fixture
def busy_worker(settings: Settings, redis: Redis, store: LocalStore) -> Iterator[None]:
    """Finishes every job as soon as it comes."""
    records, hands = JobRecords(redis, store, settings), FakeWorker(redis, store, settings)
    over = Event()

    def work() -> None:
        while not over.wait(0.02):
            page = records.page(cursor=None, limit=10, states=list(OPEN_STATES), lane=None)
            for job in page.jobs:
                hands.finish(job.id)

    thread = Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A small tree of different photos."""
    folder = tmp_path / "photos"
    for seed, name in enumerate(("a/b/deep.jpg", "a/one.jpg", "top.png", "with space ü.jpeg")):
        photo(folder / name, seed)
    return folder


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return tmp_path / "masks"
