"""Machines on one machine: network namespaces with a bridge between them. Needs root and `ip`."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from types import TracebackType
from typing import Self

CORE = "roadmask-core"
ADDRESS = "10.99.7.1"
"""Of the namespace that has the servers, on the bridge."""


def ip(*words: str) -> None:
    """Run `ip`. Raises `CalledProcessError`."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class NetworkNamespaces:
    """A context: a namespace for the servers, and one for each of `count` workers."""

    def __init__(self, count: int) -> None:
        self.workers = [f"roadmask-w{number}" for number in range(1, count + 1)]
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        try:
            for name in (CORE, *self.workers):
                self._make(name)
            ip("-n", CORE, "link", "add", "bridge0", "type", "bridge")
            ip("-n", CORE, "addr", "add", f"{ADDRESS}/24", "dev", "bridge0")
            ip("-n", CORE, "link", "set", "bridge0", "up")
            for number, name in enumerate(self.workers, 1):
                inside, outside = "eth0", f"worker{number}"
                pair = ("type", "veth", "peer", "name", outside, "netns", CORE)
                ip("-n", name, "link", "add", inside, *pair)
                ip("-n", CORE, "link", "set", outside, "master", "bridge0", "up")
                ip("-n", name, "addr", "add", f"10.99.7.{number + 1}/24", "dev", inside)
                ip("-n", name, "link", "set", inside, "up")
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    def _make(self, name: str) -> None:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        ip("netns", "add", name)
        self._exits.callback(ip, "netns", "del", name)
        ip("-n", name, "link", "set", "lo", "up")


def inside(namespace: str, command: list[str]) -> list[str]:
    """The command line that runs a command in a namespace."""
    return ["ip", "netns", "exec", namespace, *command]
