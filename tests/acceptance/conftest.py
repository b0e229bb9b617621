"""Acceptance: the whole service on real annotated images, which are not in the repository.

`make acceptance DATA=folder`, for example CamVid's val in a layout of `roadmask.images.layouts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.minio import ACCESS_KEY, SECRET_KEY, MinioServer
from tests.servers.redis import RedisServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--data", type=Path, required=True, help="a folder of images with masks")


@pytest.fixture(scope="session")
def data(request: pytest.FixtureRequest) -> Path:
    return Path(request.config.getoption("--data")).resolve()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def local_env(tmp_path: Path, redis_server: RedisServer) -> dict[str, str]:
    return {
        "ROADMASK_REDIS_URL": redis_server.url,
        "ROADMASK_STORE": "local",
        "ROADMASK_DATA_DIR": str(tmp_path / "data"),
        "ROADMASK_SECRET": "acceptance",
        "ROADMASK_LEASE_S": "5",
    }


@pytest.fixture
def minio_env(tmp_path: Path, redis_server: RedisServer) -> Iterator[dict[str, str]]:
    with MinioServer(tmp_path / "minio") as server:
        yield {
            "ROADMASK_REDIS_URL": redis_server.url.replace("/0", "/1"),
            "ROADMASK_STORE": "minio",
            "ROADMASK_MINIO_ENDPOINT": server.address,
            "ROADMASK_MINIO_PUBLIC_URL": f"http://localhost:{server.port}",
            "ROADMASK_MINIO_ACCESS_KEY": ACCESS_KEY,
            "ROADMASK_MINIO_SECRET_KEY": SECRET_KEY,
            "ROADMASK_LEASE_S": "5",
        }
