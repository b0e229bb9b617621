"""The commands and health checks of the compose file, run as written against local processes.

Only what a container would give is put in their place: hosts, ports and folders.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from roadmask.embedded_redis import find_redis
from tests.deploy.test_compose import ENV, SERVICES
from tests.servers import minio
from tests.servers.process import HOST, Server, free_port
from tests.servers.service import PROGRAM
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(240)


class Container(Server):
    """A service of the compose file as a process on this machine."""

    def __init__(self, name: str, folder: Path, places: dict[str, str]) -> None:
        super().__init__(folder)
        self._service = SERVICES[name]
        self._places = places

    def local(self, text: str) -> str:
        """A word of the file with what the container would give put in its place."""
        text = re.sub(r"\$\{(\w+)(?::?[-?]([^}]*))?\}", lambda m: ENV.get(m[1], m[2]), text)
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text

    def command(self) -> list[str]:
        program, *arguments = (self.local(word) for word in self._service["command"])
        return [*_programs()[program], *arguments]

    def environment(self) -> dict[str, str]:
        own = self._service.get("environment", {})
        return os.environ | {name: self.local(value) for name, value in own.items()}

    def check(self) -> list[str]:
        """The health check's command."""
        _, program, *arguments = (self.local(word) for word in self._service["healthcheck"]["test"])
        return [*_programs()[program], *arguments]

    def answers(self) -> bool:
        done = subprocess.run(
            self.check(), env=self.environment(), capture_output=True, check=False
        )
        return done.returncode == 0


class Redis(Container):
    """Redis has a port and a folder of its own here."""

    def command(self) -> list[str]:
        return [*super().command(), "--port", str(self.port), "--dir", str(self.folder)]

    def check(self) -> list[str]:
        program, *arguments = super().check()
        return [program, "-p", str(self.port), *arguments]


class Objects(Container):
    """MinIO has a port of its own here, and the client of its health check is not at hand."""

    def command(self) -> list[str]:
        return [*super().command(), "--address", self.address]

    def answers(self) -> bool:
        return minio.is_ready(self.address)


def _programs() -> dict[str, list[str]]:
    """What the first word of a command stands for; MinIO's image has its program as entry point."""
    redis = find_redis()
    return {
        "redis-server": [str(redis)],
        "redis-cli": [str(redis.with_name(redis.name.replace("server", "cli")))],
        "server": [str(minio.executable()), "server"],
        "roadmask": list(PROGRAM),
        "python": [sys.executable],
    }


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Redis and the object store, running; where the other services find them."""
    data = {"/data": str(tmp_path / "objects"), ":9001": f"{HOST}:{free_port()}"}
    with ExitStack() as servers:
        redis = servers.enter_context(Redis("redis", tmp_path / "redis", {}))
        objects = servers.enter_context(Objects("objects", tmp_path / "minio", data))
        yield {
            "redis:6379": redis.address,
            "objects:9000": objects.address,
            "/tmp/roadmask": str(tmp_path / "data"),
        }


if minio.available():

    def test_every_service_starts_and_is_healthy(places: dict[str, str], tmp_path: Path) -> None:
        bucket = Container("bucket", tmp_path / "bucket", places)
        made = subprocess.run(
            bucket.command(), env=bucket.environment(), capture_output=True, text=True, check=True
        )
        assert "minio store is ready" in made.stdout
        with ExitStack() as running:
            for name in ("api", "worker"):
                port = {"8000": str(free_port())}
                container = Container(name, tmp_path / name, places | port)
                assert not container.answers()
                container.start()
                running.callback(container.stop)
                wait_until(container.answers, seconds=120)
