"""A real Redis with its append-only file on."""

from __future__ import annotations

import subprocess

import redis

from roadmask.embedded_redis import find_redis
from tests.servers.process import HOST, Server


class RedisServer(Server):
    """Redis (or Valkey) whose data outlives `kill` and `restart`."""

    @property
    def url(self) -> str:
        return f"redis://{self.address}/0"

    def command(self) -> list[str]:
        return [
            *(str(find_redis()), "--bind", HOST, "--port", str(self.port)),
            *("--dir", str(self.folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "everysec"),
            *("--maxmemory-policy", "noeviction"),
        ]

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, retry=None) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


def version() -> str:
    """The server's version, for the header of a test run."""
    shown = subprocess.run([find_redis(), "--version"], capture_output=True, text=True)
    name = find_redis().name.removesuffix("-server")
    numbers = (word for word in shown.stdout.split() if word.startswith("v="))
    return f"{name} {next(numbers, 'v=?').removeprefix('v=')}"
