"""Redis and MinIO for the peers that need them: the servers that the tests start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.minio import ACCESS_KEY, SECRET_KEY, MinioServer
from tests.servers.redis import RedisServer


@contextmanager
def open_stores(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which a peer finds them."""
    with RedisServer(folder / "redis") as redis, MinioServer(folder / "minio") as minio:
        yield {
            "PEER_REDIS": redis.url,
            "PEER_MINIO": minio.address,
            "PEER_MINIO_USER": ACCESS_KEY,
            "PEER_MINIO_PASSWORD": SECRET_KEY,
        }
