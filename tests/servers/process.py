"""A server process that can be killed and restarted."""

from __future__ import annotations

import itertools
import os
import random
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Self

from tests.harness.waiting import PATIENCE_S, wait_until
from tests.servers.fake_clock import FakeClock

HOST = "127.0.0.1"
START_S = 900.0
"""Longest start of a server on a busy machine, seconds."""


FIRST_PORT, PORTS = 12_000, 5_000
"""Ports of the tests, so many for each process of a parallel run, at most 4. They lie below those
that the system gives to connections."""


def free_port() -> int:
    """Return a port that no process listens on, and that nothing else takes before it is used."""
    while True:
        port = next(_ports())
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


@cache
def _ports() -> Iterator[int]:
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST_PORT + process * PORTS
    # Another run of tests on this machine begins elsewhere.
    return itertools.cycle(random.SystemRandom().sample(range(first, first + PORTS), PORTS))


def is_listening(port: int) -> bool:
    """Whether a process accepts connections on this port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


class Server(ABC):
    """A process on `port` with its data in `folder`; as a context it runs inside the `with`."""

    pause_s = 0.02
    """Pause before it is asked again whether it answers, seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.clock: FakeClock | None = None
        """The clock of the process from its next start on; None for that of the machine."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @abstractmethod
    def command(self) -> list[str]:
        """The command line."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server accepts clients."""

    def environment(self) -> dict[str, str] | None:
        """The environment variables; None for those of this process."""
        return None

    def start(self) -> None:
        """Start on the same port and data each time; wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        env = self.environment()
        if self.clock is not None:
            env = (os.environ if env is None else env) | self.clock.environment
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=env)
        wait_until(self._ready, START_S, self.pause_s)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop the process with SIGTERM; kill it if it hangs."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self) -> None:
        """Kill the process and start it again."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            # Its start took too long: nothing else would end it.
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended: {self.log.read_text()}"
        return self.answers()
