"""The whole service as processes of its own: the API and some workers, over given servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from roadmask import Client
from tests.servers.process import HOST, Server
from tests.waiting import wait_until

PROGRAM = (sys.executable, "-m", "roadmask.cli")


class Program(Server):
    """One long-running command of the `roadmask` program."""

    def __init__(self, folder: Path, env: Mapping[str, str], *arguments: str) -> None:
        super().__init__(folder)
        self._env = dict(env)
        self._arguments = arguments

    def command(self) -> list[str]:
        return [*PROGRAM, *self._arguments]

    def environment(self) -> dict[str, str]:
        return os.environ | self._env

    def answers(self) -> bool:
        return True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it ended."""
        assert self._process is not None
        return self._process.wait(seconds)


class Api(Program):
    """The API on a free port."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        super().__init__(folder, env)
        self._env["ROADMASK_PUBLIC_URL"] = self.url
        self._arguments = ("api", "--host", HOST, "--port", str(self.port))

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False


class Service:
    """API and workers that share one Redis and one object store; a context."""

    def __init__(self, folder: Path, env: Mapping[str, str], workers: int = 1) -> None:
        self.api = Api(folder / "api", env)
        self.workers = [Program(folder / f"worker-{n}", env, "worker") for n in range(workers)]
        self._exits = ExitStack()

    def client(self) -> Client:
        """A client of this service."""
        return Client(self.api.url)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the `roadmask` program against this service."""
        env = os.environ | {"ROADMASK_URL": self.api.url}
        return subprocess.run(
            [*PROGRAM, *arguments], env=env, text=True, capture_output=True, check=False
        )

    def workers_alive(self) -> int:
        """How many workers say that they are ready."""
        return len(httpx.get(f"{self.api.url}/v1/service").json()["workers"])

    def __enter__(self) -> Self:
        for program in (self.api, *self.workers):
            self._exits.enter_context(program)
        wait_until(lambda: self.workers_alive() >= len(self.workers), seconds=120)
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()
