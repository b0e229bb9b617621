"""Fixtures that many tests share, all of them real: a Redis, a folder store, settings for both."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from roadmask.settings import Settings
from storage.connections import connect_redis
from storage.local_store import LocalStore
from tests.servers import minio, moto
from tests.servers import redis as redis_servers
from tests.servers.redis import RedisServer


def pytest_configure() -> None:
    """Give every process that tests start the same surroundings, whoever runs the tests."""
    # In a background job of a shell Ctrl-C is ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("ROADMASK_")]:
        del os.environ[name]


def pytest_report_header() -> list[str]:
    """Say which servers this session tests against."""
    real = minio.version() if minio.available() else "no minio (neither `minio` nor `go` is here)"
    return [
        f"object stores: local, {real}, {moto.version()}",
        f"records: {redis_servers.version()}",
    ]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for the whole session; tests that kill theirs start their own `RedisServer`."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    """Settings of a service on the session's Redis and a folder of this test."""
    return Settings(redis_url=redis_server.url, data_dir=tmp_path, secret="signs links in tests")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """The session's Redis, emptied for this test."""
    with connect_redis(settings) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(settings: Settings) -> LocalStore:
    """An empty object store in a folder of this test."""
    store = LocalStore(
        settings.objects_dir, settings.public_url, settings.secret.get_secret_value()
    )
    store.check()
    return store
