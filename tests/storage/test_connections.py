"""How Redis being away, back again, full or loading reaches the rest of the service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from redis import Redis
from redis.exceptions import MasterDownError, NoPermissionError, RedisError, ResponseError

from roadmask.errors import RecordsUnavailable
from roadmask.settings import Settings
from storage.connections import connect_redis, open_store, records_guard
from storage.objects.local import LocalStore
from storage.objects.minio import MinioStore
from tests.servers.process import free_port
from tests.servers.redis import RedisServer


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that this test may kill."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def own_redis(own_server: RedisServer) -> Iterator[Redis]:
    with connect_redis(Settings(redis_url=own_server.url)) as client:
        yield client


def test_answers_are_bytes(redis: Redis) -> None:
    redis.set("a", "x", ex=60)
    assert redis.get("a") == b"x"


def test_a_redis_that_is_not_there_is_told() -> None:
    with (
        connect_redis(Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")) as client,
        pytest.raises(RecordsUnavailable, match="does not answer"),
        records_guard(),
    ):
        client.ping()


def test_the_guard_is_a_decorator_too(own_server: RedisServer, own_redis: Redis) -> None:
    @records_guard()
    def read() -> object:
        return own_redis.get("a")

    assert read() is None
    own_server.kill()
    with pytest.raises(RecordsUnavailable):
        read()


def test_a_restart_goes_unnoticed(own_server: RedisServer, own_redis: Redis) -> None:
    """Killed and started again under a client's open connection, with its append-only file."""
    own_redis.set("a", "x")
    own_server.kill()
    later = Timer(0.1, own_server.start)
    later.start()
    try:
        assert own_redis.get("a") == b"x"
    finally:
        later.join()


@pytest.mark.parametrize("script", [None, "return redis.call('set', KEYS[1], ARGV[1])"])
def test_a_full_redis_is_told(own_redis: Redis, script: str | None) -> None:
    own_redis.config_set("maxmemory", 1)
    with pytest.raises(RecordsUnavailable, match="cannot write"), records_guard():
        own_redis.eval(script, 1, "a", "x") if script else own_redis.set("a", "x")


def test_a_redis_that_cannot_save_is_told(own_redis: Redis) -> None:
    own_redis.config_set("min-replicas-to-write", 1)
    with pytest.raises(RecordsUnavailable), records_guard():
        own_redis.set("a", "x")


def test_mistakes_of_ours_are_not_hidden(redis: Redis) -> None:
    redis.set("text", "x", ex=60)
    with pytest.raises(ResponseError, match="WRONGTYPE"), records_guard():
        redis.lpush("text", "x")


def test_a_closed_transport_of_uvloop_is_an_outage_and_no_other_runtime_error_is() -> None:
    closed = "unable to perform operation on <TCPTransport closed=True>; the handler is closed"
    with pytest.raises(RecordsUnavailable), records_guard():
        raise RuntimeError(closed)
    with pytest.raises(RuntimeError, match="ours"), records_guard():
        raise RuntimeError("ours")


def test_settings_choose_the_store(tmp_path: Path) -> None:
    assert isinstance(open_store(Settings(data_dir=tmp_path)), LocalStore)
    minio = Settings(store="minio", minio_secret_key="secret of a test")
    assert isinstance(open_store(minio), MinioStore)


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("BUSY Redis is busy running a script."),
        ResponseError("Error running script: @user_script: 9: -READONLY You can't write."),
        MasterDownError("Link with MASTER is down."),
        NoPermissionError("this user has no permissions to run the 'evalsha' command"),
    ],
)
def test_a_redis_that_refuses_every_command_is_away(error: RedisError) -> None:
    with pytest.raises(RecordsUnavailable), records_guard():
        raise error
