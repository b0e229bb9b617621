"""A real API on a real Redis and a folder store, and a worker whose pace the test sets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask.settings import Settings
from storage.local_store import LocalStore
from storage.recovery import Recovery
from storage.replies import texts
from tests.api.fake_worker import FakeWorker
from tests.api.server import ApiServer
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of one API for all tests of a file; a file may change them."""
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
def empty_api(api: ApiServer, redis: Redis, store: LocalStore) -> ApiServer:
    """The API on a Redis that holds nothing and knows it."""
    backends = api.app.state.backends
    Recovery(redis, store, backends.settings, backends.dispatch).run()
    return api


@pytest.fixture
def worker(settings: Settings, redis: Redis, store: LocalStore) -> FakeWorker:
    """Ends items as the test says."""
    return FakeWorker(redis, store, settings)


@pytest.fixture
def working(worker: FakeWorker, redis: Redis) -> Iterator[FakeWorker]:
    """A worker that ends each job as soon as it is there."""
    over = Event()

    def work() -> None:
        while not over.wait(0.02):
            for job_id in texts(redis.zrange("rm:open:interactive", 0, -1)):
                worker.finish(job_id)

    thread = Thread(target=work)
    thread.start()
    yield worker
    over.set()
    thread.join()
