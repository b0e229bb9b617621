"""Fixtures for all tests: a real Redis, a folder store, and settings for both."""

from __future__ import annotations

import gc
import os
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import certifi
import pytest
from redis import Redis
from xdist.remote import Producer

from roadmask.settings import Settings
from storage.connections import connect_redis
from storage.objects.local import LocalStore
from tests.harness.groups import GroupScheduling, group_of, place_of
from tests.harness.storage.key_leaks import find_key_leaks
from tests.servers import minio, moto
from tests.servers import redis as redis_servers
from tests.servers.redis import RedisServer

TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """Give the processes of tests the same environment on every machine."""
    # In a background job of a shell Ctrl-C is ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("ROADMASK_")]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def no_sudden_end() -> Iterator[None]:
    """Let no code under test end the process of the tests, which would lose their results."""
    tests, exit_process = os.getpid(), os._exit

    def exit_child(code: int) -> NoReturn:
        if os.getpid() != tests:
            exit_process(code)
        raise AssertionError(f"the process of the tests was to be ended with code {code}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", exit_child)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Read the first authority for the usual lists, in this process: each HTTP client reads one.

    The environment stays as it is: what the tests install trusts a package index by it.
    """
    usual = {certifi.where(), os.environ.get("SSL_CERT_FILE", certifi.where())}
    listed = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")
    short = tmp_path_factory.mktemp("authorities") / "one.pem"
    short.write_text("".join(listed[:2]))
    create = ssl.create_default_context

    def create_short(
        purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH,
        *,
        cafile: str | None = None,
        capath: str | None = None,
        cadata: str | bytes | None = None,
    ) -> ssl.SSLContext:
        file = str(short) if cafile in usual else cafile
        return create(purpose, cafile=file, capath=capath, cadata=cadata)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(short))
        patch.setattr(ssl, "create_default_context", create_short)
        yield


S3_FIXTURES = {"every_store", "s3_server"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Let the tests of a group run in one process of a parallel run."""
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first, each group together: a fixture of a folder ends with it.

    Tests that need an S3 server are marked as slow.
    """
    first: dict[str, int] = {}
    for item in items:
        assert isinstance(item, pytest.Function)
        if S3_FIXTURES.intersection(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    groups = {item: group_of(item.nodeid) for item in items}
    for group in groups.values():
        first.setdefault(group, len(first))
    items.sort(key=lambda item: (place_of(groups[item]), first[groups[item]]))


def pytest_collection_finish() -> None:
    """Keep all tests and modules out of later garbage collections, which took .4 s each."""
    gc.freeze()


def pytest_report_header() -> list[str]:
    """Name the servers of this run."""
    real = minio.version() if minio.available() else "no minio (neither `minio` nor `go` is here)"
    return [
        f"object stores: local, {real}, {moto.version()}",
        f"records: {redis_servers.version()}",
    ]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for the process of tests. Tests that kill Redis start their own `RedisServer`."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(autouse=True)
def no_key_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after every test on the shared Redis that all keys expire that should."""
    if "redis_server" not in request.fixturenames:
        yield
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    yield
    with Redis.from_url(server.url) as redis:
        assert find_key_leaks(redis) == [], "these keys have no time to live"


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    """Settings of a service on the shared Redis and a folder of this test."""
    return Settings(redis_url=redis_server.url, data_dir=tmp_path, secret="signs links in tests")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """The shared Redis, emptied for this test."""
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
