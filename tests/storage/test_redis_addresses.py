"""A Redis with password, TLS and its own authority: records and queue read one URL alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.connections import connect_async_redis, connect_redis
from storage.queue import JobQueue
from tests.servers.certificates import Authority
from tests.servers.redis import TlsRedisServer

ODD = "p@ss/wö%rd:#?&+ =\"'"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls(tmp_path: Path, host: str) -> None:
    with TlsRedisServer(tmp_path / "redis", ODD, Authority(tmp_path / "tls")) as server:
        settings = Settings(redis_url=server.url.replace("127.0.0.1", host))
        with connect_redis(settings) as redis:
            redis.set("a", "x", ex=60)
            queue = JobQueue(redis, settings)
            queue.check()
            queue.send("an-id", Lane.BATCH)
            assert queue.depth(Lane.BATCH) == 1
            queue.close()
        assert asyncio.run(_watched(settings)) == b"x"


async def _watched(settings: Settings) -> object:
    redis = connect_async_redis(settings)
    try:
        return await redis.get("a")
    finally:
        await redis.aclose()
