"""A Redis with password, TLS and its own authority: records and queue read one URL alike."""

from __future__ import annotations

import asyncio
from pathlib import Path
from ssl import VerifyMode
from types import SimpleNamespace
from typing import Any

import pytest
from kombu import Connection
from kombu.transport.redis import Channel
from redis.connection import parse_url
from redis.exceptions import ConnectionError

from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.connections import connect_async_redis, connect_redis
from storage.queue import JobQueue, celery_config
from tests.roadmask.test_addresses import REDIS
from tests.servers.certificates import Authority
from tests.servers.redis import TlsRedisServer

ODD = "p@ss/wö%rd:#?&+ =\"'"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.slow
def test_tls(tmp_path: Path, host: str) -> None:
    with TlsRedisServer(tmp_path / "redis", ODD, Authority(tmp_path / "tls")) as server:
        settings = Settings(redis_url=server.url.replace("127.0.0.1", host))
        with connect_redis(settings) as redis:
            redis.set("a", "x", ex=60)
            queue = JobQueue(redis, settings)
            queue.check()
            queue.send("an-id", Lane.BATCH)
            assert queue.depth(Lane.BATCH) == 1
        assert asyncio.run(_watched(settings)) == b"x"


@pytest.mark.slow
def test_the_queue_takes_no_certificate_that_the_records_refuse(tmp_path: Path) -> None:
    with TlsRedisServer(tmp_path / "redis", ODD, Authority(tmp_path / "tls")) as server:
        settings = Settings(redis_url=server.url_without_authority)
        with connect_redis(settings) as redis:
            with pytest.raises(ConnectionError, match="certificate"):
                redis.ping()
            with pytest.raises(ConnectionError, match="certificate"):
                JobQueue(redis, settings).check()
        trusting = Settings(redis_url=f"{server.url_without_authority}?ssl_cert_reqs=none")
        with connect_redis(trusting) as redis:
            assert redis.ping()
            JobQueue(redis, trusting).check()


@pytest.mark.parametrize("url", REDIS)
def test_kombu_reads_what_redis_py_reads(url: str) -> None:
    broker = Connection(celery_config(Settings(redis_url=url))["broker_url"])
    channel: Any = _Channel(broker)
    told = channel._connparams()
    meant: dict[str, Any] = {"db": 0, "username": None, "password": None}
    meant |= parse_url(url)  # type: ignore[no-untyped-call]
    kind = meant.pop("connection_class", None)
    assert kind is None or issubclass(told["connection_class"], kind)
    if "path" not in meant:
        meant.setdefault("port", 6379)
    if reqs := meant.get("ssl_cert_reqs"):
        meant["ssl_cert_reqs"] = VerifyMode[f"CERT_{reqs.upper()}"]
    elif url.startswith("rediss:"):
        meant["ssl_cert_reqs"] = VerifyMode.CERT_REQUIRED
    assert {name: told[name] for name in meant} == meant


class _Channel(Channel):
    """kombu's channel before it connects."""

    def __init__(self, client: Connection) -> None:
        self.connection: Any = SimpleNamespace(client=client, default_port=6379)


async def _watched(settings: Settings) -> object:
    redis = connect_async_redis(settings)
    try:
        return await redis.get("a")
    finally:
        await redis.aclose()
