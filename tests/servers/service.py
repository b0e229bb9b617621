"""The API and workers as processes, on servers that the test started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from roadmask import Client
from tests.harness.client.program import PROGRAM
from tests.harness.waiting import wait_until
from tests.servers.process import HOST, Server


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

    def signal(self, number: int) -> None:
        """Send a signal to the process, if it runs."""
        assert self._process is not None
        self._process.send_signal(number)

    def has_ended(self) -> bool:
        """Whether the process has ended by itself or by a signal."""
        return self._process is not None and self._process.poll() is not None

    def wait(self, seconds: float) -> int:
        """Wait for its end; return its exit code."""
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
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.TransportError:
            return False


class Service:
    """A context: the API and workers that share one Redis and one object store."""

    def __init__(self, folder: Path, env: Mapping[str, str], workers: int = 1) -> None:
        self.api = Api(folder / "api", env)
        self.workers = [Program(folder / f"worker-{n}", env, "worker") for n in range(workers)]
        self._exits = ExitStack()

    def client(self) -> Client:
        """A client of this service."""
        return Client(self.api.url)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the `roadmask` program against this service."""
        env = os.environ | {"ROADMASK_URL": self.api.url}
        return subprocess.run(
            [*PROGRAM, *arguments], env=env, text=True, capture_output=True, check=False
        )

    def workers_alive(self) -> int:
        """Return the number of workers that are ready."""
        return len(httpx.get(f"{self.api.url}/v1/service").json()["workers"])

    def __enter__(self) -> Self:
        for program in (self.api, *self.workers):
            self._exits.enter_context(program)
        wait_until(lambda: self.workers_alive() >= len(self.workers), seconds=240)
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()
