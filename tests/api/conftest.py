"""A real API on a real Redis and a folder store, and a worker whose pace the test sets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from roadmask.settings import Settings
from storage.local_store import LocalStore
from storage.recovery import Recovery
from tests.api.contract import Contract
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
def client(api: ApiServer, redis: Redis, store: LocalStore) -> Iterator[httpx.Client]:
    """A client that also checks each answer against what the API documents of itself."""
    backends = api.app.state.backends
    Recovery(redis, store, backends.settings, backends.dispatch).run()
    hooks = {"response": [Contract(api.app).check]}
    with httpx.Client(base_url=api.url, event_hooks=hooks, timeout=20) as client:
        yield client


@pytest.fixture
def worker(settings: Settings, redis: Redis, store: LocalStore) -> FakeWorker:
    """Ends items as the test says."""
    return FakeWorker(redis, store, settings)
