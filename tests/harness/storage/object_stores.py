"""Fixtures for every object store that this machine can run.

`TEST_STORES` names others than the default ones, as `seaweedfs,minio/prefix`; see `tests.stores`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from roadmask.settings import Settings
from storage.objects.minio import MinioStore
from storage.objects.store import ObjectStore
from tests.servers import minio
from tests.servers.links import served_store
from tests.servers.minio import MinioServer
from tests.servers.moto import moto_server
from tests.servers.process import Server
from tests.servers.seaweedfs import SeaweedServer
from tests.servers.versitygw import VersityServer

SERVERS: dict[str, type[Server]] = {
    "minio": MinioServer,
    "seaweedfs": SeaweedServer,
    "versitygw": VersityServer,
}
STYLES = {
    "": {},
    "prefix": {"minio_prefix": "some-where/else/"},
    "virtual": {"minio_addressing": "virtual"},
}
"""Settings of a store, by what follows its name and a slash."""
_BOTH = ["local", "minio", "moto"] if minio.available() else ["local", "moto"]
STORES = os.environ["TEST_STORES"].split(",") if "TEST_STORES" in os.environ else _BOTH
SIGNING = [name for name in STORES if not name.startswith("moto")]
"""Stores that check the signatures of their URLs."""


@dataclass(frozen=True)
class S3:
    """A running S3 server, and how its bucket is used."""

    endpoint: str
    style: dict[str, str] = field(default_factory=dict)

    def settings(self, **changes: str) -> Settings:
        """Settings with a new bucket name."""
        own = {
            "store": "minio",
            "minio_endpoint": self.endpoint,
            "minio_access_key": minio.ACCESS_KEY,
            "minio_secret_key": minio.SECRET_KEY,
            "minio_bucket": f"test-{uuid4().hex}",
        }
        return Settings.model_validate(own | self.style | changes)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], S3]]:
    """Starts S3 servers by name, each once for the whole session."""
    with ExitStack() as running:

        @cache
        def start(kind: str) -> str:
            if kind == "moto":
                return running.enter_context(moto_server())
            folder: Path = tmp_path_factory.mktemp(kind)
            return running.enter_context(SERVERS[kind](folder)).address

        def serve(name: str) -> S3:
            kind, _, style = name.partition("/")
            endpoint = start(kind)
            if style == "virtual":
                running.callback(_subdomains_of_localhost().undo)
                endpoint = endpoint.replace("127.0.0.1", "localhost")
            return S3(endpoint, STYLES[style])

        yield serve


@pytest.fixture(scope="module", params=STORES)
def every_store(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    s3_server: Callable[[str], S3],
) -> Iterator[ObjectStore]:
    """A checked store; the tests of a module share it, each with keys of its own."""
    if request.param == "local":
        with served_store(tmp_path_factory.mktemp("objects")) as local:
            local.check()
            yield local
        return
    store = MinioStore(s3_server(request.param).settings())
    store.check()
    yield store


@pytest.fixture
def folder() -> str:
    """A prefix that no other test uses."""
    return f"{uuid4().hex}/"


def _subdomains_of_localhost() -> pytest.MonkeyPatch:
    """Let this process find `BUCKET.localhost`, which not every machine resolves."""
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, *args: Any, **kwargs: Any) -> Any:
        here = isinstance(host, str) and host.endswith("localhost")
        return resolve("127.0.0.1" if here else host, *args, **kwargs)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket, "getaddrinfo", resolve_here)
    return patch
