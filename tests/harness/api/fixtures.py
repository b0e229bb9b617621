"""The API on a real Redis and a folder store, with a worker that the test drives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread

import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.access import api_keys
from storage.jobs.keys import open_key
from storage.objects.local import LocalStore
from storage.redis_text import texts
from tests.harness.api.callers import Callers
from tests.harness.api.server import ApiServer
from tests.harness.worker.fake_worker import FakeWorker
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of one API for all tests of a file. A file may override them."""
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
    """The API on an empty Redis whose records are known to be complete."""
    api.app.state.components.storage.reconciler.run()
    api.app.state.components.access.forget()
    return api


@pytest.fixture
def callers(empty_api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callers]:
    """Creates keys on the API. All processes know of a change at once, without a pause."""
    monkeypatch.setattr(api_keys, "CHECK_S", 0)
    monkeypatch.setattr("api.auth.access.CHECK_S", 0)
    found = Callers(empty_api)
    yield found
    found.close()


@pytest.fixture
def worker(settings: Settings, redis: Redis, store: LocalStore) -> FakeWorker:
    """A worker that commits items when the test calls it."""
    return FakeWorker(redis, store, settings)


@pytest.fixture
def busy_worker(settings: Settings, redis: Redis, store: LocalStore) -> Iterator[FakeWorker]:
    """A worker that finishes each job as soon as it is created."""
    worker = FakeWorker(redis, store, settings)
    over = Event()

    def work() -> None:
        while not over.wait(0.02):
            for lane in Lane:
                for job_id in texts(redis.zrange(open_key(lane), 0, -1)):
                    # A job that is deleted meanwhile takes no more results.
                    with suppress(AssertionError):
                        worker.finish(job_id)

    thread = Thread(target=work)
    thread.start()
    yield worker
    over.set()
    thread.join()
