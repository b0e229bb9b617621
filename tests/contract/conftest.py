"""The object stores the contract is checked against: all that this machine can run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from roadmask.settings import Settings
from storage.minio_store import MinioStore
from storage.objects import ObjectStore
from tests.servers import minio
from tests.servers.links import served_store
from tests.servers.moto import moto_server

SIGNING = ["local", "minio"] if minio.available() else ["local"]
"""Stores that check the signatures of their URLs."""
STORES = [*SIGNING, "moto"]


@dataclass(frozen=True)
class S3:
    """An S3 server that runs."""

    endpoint: str

    def settings(self, **changes: str) -> Settings:
        """Settings with a bucket that nobody else uses."""
        own = {
            "store": "minio",
            "minio_endpoint": self.endpoint,
            "minio_access_key": minio.ACCESS_KEY,
            "minio_secret_key": minio.SECRET_KEY,
            "minio_bucket": f"test-{uuid4().hex}",
        }
        return Settings.model_validate(own | changes)


@pytest.fixture(scope="session")
def minio_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A MinIO for the whole session."""
    with minio.MinioServer(tmp_path_factory.mktemp("minio")) as server:
        yield S3(server.address)


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[S3]:
    """moto's S3 for the whole session."""
    with moto_server() as endpoint:
        yield S3(endpoint)


@pytest.fixture(scope="module", params=STORES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObjectStore]:
    """A checked store; the tests of a module share it, each with keys of its own."""
    if request.param == "local":
        with served_store(tmp_path_factory.mktemp("objects")) as local:
            local.check()
            yield local
        return
    server: S3 = request.getfixturevalue(f"{request.param}_s3")
    store = MinioStore(server.settings())
    store.check()
    yield store


@pytest.fixture
def folder() -> str:
    """A prefix that no other test uses."""
    return f"{uuid4().hex}/"
