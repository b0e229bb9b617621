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
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from roadmask.local.redis import find_redis
from tests.deploy.test_compose import ENV, ROOT, SERVICES
from tests.harness.client.program import PROGRAM
from tests.servers import minio
from tests.servers.process import HOST, Server, free_port

pytestmark = pytest.mark.timeout(240)


class Container(Server):
    """A service of the compose file as a process on this machine."""

    # Each check is a process, which starts as long as the one that is checked.
    pause_s = 1.0

    def __init__(self, name: str, folder: Path, places: dict[str, str]) -> None:
        super().__init__(folder)
        self._service = SERVICES[name]
        self._places = places
        self.env: dict[str, str] = {}
        """Variables that differ here."""

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
        return os.environ | {name: self.local(value) for name, value in own.items()} | self.env

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
    """Redis has a port and a folder of its own here, and its client is not at hand."""

    def command(self) -> list[str]:
        return [*super().command(), "--port", str(self.port), "--dir", str(self.folder)]

    def answers(self) -> bool:
        password = Path(self._places["/secrets"], "password").read_text()
        try:
            with redis.Redis(HOST, self.port, password=password) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


class Objects(Container):
    """MinIO has a port of its own here, and the client of its health check is not at hand."""

    def command(self) -> list[str]:
        return [*super().command(), "--address", self.address]

    def answers(self) -> bool:
        return minio.is_ready(self.address)


def _programs() -> dict[str, list[str]]:
    """What the first word of a command stands for; MinIO's image has its program as entry point."""
    return {
        "redis-server": [str(find_redis())],
        "server": [str(minio.executable()), "server"],
        "roadmask": list(PROGRAM),
        "python": [sys.executable],
    }


@dataclass
class Places:
    """Where the services find each other and their secrets on this machine."""

    secrets: Path
    shared: dict[str, str]

    def of(self, role: str) -> dict[str, str]:
        """The places of a service that has the secrets of a role."""
        return self.shared | {"/secrets": str(self.secrets / role)}


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """Redis and the object store, running; where the other services find them."""
    places = Places(tmp_path / "secrets", {"/deploy": str(ROOT / "deploy")})
    make = Container("secrets", tmp_path, {"/deploy": str(ROOT / "deploy")})
    made = [word.replace("/secrets", str(places.secrets)) for word in make.command()]
    subprocess.run(made, check=True)
    data = {"/data": str(tmp_path / "objects"), ":9001": f"{HOST}:{free_port()}"}
    with ExitStack() as servers:
        redis = servers.enter_context(Redis("redis", tmp_path / "redis", places.of("redis")))
        own = places.of("objects") | data
        objects = servers.enter_context(Objects("objects", tmp_path / "minio", own))
        places.shared |= {
            "redis:6379": redis.address,
            "objects:9000": objects.address,
            "/tmp/roadmask": str(tmp_path / "data"),
        }
        for url in places.secrets.glob("*/roadmask_redis_url"):
            url.chmod(0o644)
            url.write_text(url.read_text().replace("redis:6379", redis.address))
        yield places


if minio.available():

    def test_every_service_starts_and_is_healthy(places: Places, tmp_path: Path) -> None:
        bucket = Container("bucket", tmp_path / "bucket", places.of("objects"))
        done = subprocess.run(bucket.command(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with ExitStack() as running:
            for name in ("api", "scheduler", "worker"):
                role = "worker" if name == "scheduler" else name
                port = {"8000": str(free_port())}
                container = Container(name, tmp_path / name, places.of(role) | port)
                container.env = {"ROADMASK_NO_KEYS": "true", "ROADMASK_METRICS_PORT": "0"}
                assert not container.answers()
                # This waits for its health check to succeed.
                running.enter_context(container)
