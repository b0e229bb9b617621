"""A real API on a real Redis and a folder store, and a worker without a model that keeps at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask import Client
from roadmask.jobs import OPEN_STATES
from roadmask.settings import Settings
from storage.job_records import JobRecords
from storage.local_store import LocalStore
from storage.recovery import Recovery
from tests.api.fake_worker import FakeWorker
from tests.api.server import ApiServer
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of one API for all tests of a file."""
    return Settings(
        redis_url=redis_server.url,
        data_dir=tmp_path_factory.mktemp("data"),
        secret=SecretStr("signs links in tests"),
        public_url=f"http://{HOST}:{free_port()}",
    )


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[ApiServer]:
    """The API, listening."""
    with ApiServer(settings) as server:
        yield server


@pytest.fixture
def store(settings: Settings) -> LocalStore:
    """The API's object store, emptied for this test."""
    shutil.rmtree(settings.objects_dir, ignore_errors=True)
    store = LocalStore(
        settings.objects_dir, settings.public_url, settings.secret.get_secret_value()
    )
    store.check()
    return store


@pytest.fixture
def client(api: ApiServer, redis: Redis, store: LocalStore) -> Iterator[Client]:
    """A client of an empty service."""
    backends = api.app.state.backends
    Recovery(redis, store, backends.settings, backends.dispatch).run()
    with Client(api.url, patience=5) as client:
        yield client


@pytest.fixture
def worker(settings: Settings, redis: Redis, store: LocalStore) -> FakeWorker:
    """Ends items when the test says so."""
    return FakeWorker(redis, store, settings)


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
