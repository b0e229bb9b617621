"""Runs a compose file in containers: its users, limits, networks, health commands and start order.

Podman 4.3 knows no `condition: service_healthy` and, without systemd, no timers of health checks,
so this runs the health commands itself.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from tests.containers.engine import build, engine, is_docker, limits, memory_mb

HEALTHY_S = 180


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in the place of `${NAME}`, `${NAME:-default}` and `${NAME:?message}`."""

    def value(found: re.Match[str]) -> str:
        name, operator, word = found[1], found[2], found[3]
        if variables.get(name):
            return variables[name]
        assert operator != "?", f"{name} is required: {word}"
        return word or ""

    return re.sub(r"\$\{(\w+)(?::?([-?])([^}]*))?\}", value, text).replace("$$", "$")


def _interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolated(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_interpolated(one, variables) for one in value]
    return interpolate(value, variables) if isinstance(value, str) else value


class _Loader(yaml.SafeLoader):
    """Reads compose's tag `!override`, with which a value replaces the one of an earlier file."""


def _override(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    assert isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node)


_Loader.add_constructor("!override", _override)


class ComposeProject:
    """A context: the services of compose files, without those of a profile.

    `ports` has other ports of this machine for those of the files, which may be taken.
    """

    def __init__(
        self,
        root: Path,
        files: list[Path],
        variables: Mapping[str, str],
        ports: Mapping[str, int],
    ) -> None:
        self._root = root
        self._ports = dict(ports)
        self._name = f"roadmask-{secrets.token_hex(3)}"
        self.services: dict[str, Any] = {}
        for file in files:
            loaded = _interpolated(yaml.load(file.read_text(), _Loader), variables)
            for name, service in loaded["services"].items():
                self.services[name] = self.services.get(name, {}) | service
        self._tools = {n: s for n, s in self.services.items() if "profiles" in s}
        self.services = {n: s for n, s in self.services.items() if n not in self._tools}
        self._networks = sorted({n for s in self.services.values() for n in _networks(s)})
        block = 120 + secrets.randbelow(100)
        self._subnets = {n: f"10.{block}.{at}" for at, n in enumerate(self._networks)}
        self._volumes: set[str] = set()
        self._started: set[str] = set()

    def build(self) -> None:
        """Build the images of the services that have a target."""
        for target in {s["build"]["target"] for s in self.services.values() if "build" in s}:
            build(_image(target), self._root, ["--target", target])

    def __enter__(self) -> Self:
        for network in self._networks:
            subnet = () if is_docker() else ("--subnet", f"{self._subnets[network]}.0/24")
            engine("network", "create", *subnet, self._network(network))
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.services:
            engine("kill", self.container(name), check=False)
            engine("rm", "--force", "--volumes", self.container(name), check=False)
        for network in self._networks:
            engine("network", "rm", "--force", self._network(network), check=False)
        for volume in self._volumes:
            engine("volume", "rm", "--force", volume, check=False)

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"{self._name}-{service}"

    def up(self) -> None:
        """Start the services that do not run yet."""
        self._start(set(self.services))

    def _start(self, wanted: set[str]) -> None:
        for name in self._order():
            if name in wanted and name not in self._started:
                self._started.add(name)
                self.start(name)

    def start(self, name: str) -> float:
        """Start a service and wait until it is healthy or, for a task, has ended well.

        Returns the seconds that it took.
        """
        service = self.services[name]
        begun = time.monotonic()
        flags = self._flags(service, service.get("command", []), name)
        engine("run", "--detach", "--name", self.container(name), *flags)
        if "healthcheck" in service:
            self.wait_until_healthy(name)
        else:
            code = engine("wait", self.container(name)).stdout.strip()
            assert code == "0", self.logs(name)
        return time.monotonic() - begun

    def run(self, name: str, *command: str) -> str:
        """Run a command in a container of a service with a profile; return its output.

        What it depends on is started before.
        """
        wanted, found = set(self._tools[name].get("depends_on", {})), set[str]()
        while wanted - found:
            found |= wanted
            wanted = {n for each in found for n in self.services[each].get("depends_on", {})}
        self._start(found)
        return engine("run", "--rm", *self._flags(self._tools[name], command)).stdout

    def restart(self, name: str) -> float:
        """Kill a service's container and start it again, with its volumes; return the seconds."""
        engine("kill", "--signal", "KILL", self.container(name))
        engine("rm", "--force", self.container(name))
        return self.start(name)

    def is_healthy(self, name: str) -> bool:
        """Run the health command in the container."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        return engine("exec", self.container(name), *command, check=False).returncode == 0

    def wait_until_healthy(self, name: str) -> None:
        """Wait for the health command; fail with the log of the container."""
        deadline = time.monotonic() + HEALTHY_S
        while not self.is_healthy(name):
            state = engine("inspect", "--format", "{{.State.Status}}", self.container(name))
            assert state.stdout.strip() == "running", f"{name} ended\n{self.logs(name)}"
            assert time.monotonic() < deadline, f"{name} is not healthy\n{self.logs(name)}"
            time.sleep(0.3)

    def logs(self, name: str) -> str:
        """The end of a container's log."""
        done = engine("logs", "--tail", "60", self.container(name), check=False)
        return done.stdout + done.stderr

    def memory_mb(self, name: str) -> float:
        """Memory of all processes of a service, megabytes."""
        return memory_mb(self.container(name))

    def _order(self) -> Iterator[str]:
        """The services, each after those it depends on."""
        waiting = dict(self.services)
        while waiting:
            ready = [
                n for n, s in waiting.items() if not set(s.get("depends_on", {})) & set(waiting)
            ]
            assert ready, f"services depend on each other: {sorted(waiting)}"
            for name in ready:
                del waiting[name]
                yield name

    def _flags(
        self, service: Mapping[str, Any], command: Sequence[str], name: str = ""
    ) -> Iterator[str]:
        yield from limits()
        for key, flag in _SWITCHES.items():
            if service.get(key):
                yield flag
        for key, flag in _LISTS.items():
            for value in service.get(key, []):
                yield from (flag, self._own_port(value) if key == "ports" else str(value))
        if "mem_limit" in service:
            yield from ("--memory", str(service["mem_limit"]))
        if "user" in service:
            yield from ("--user", str(service["user"]))
        for variable, value in service.get("environment", {}).items():
            yield from ("--env", f"{variable}={value}")
        for volume in service.get("volumes", []):
            yield from ("--volume", self._volume(volume))
        yield from self._network_flags(service, name)
        if "network_mode" in service:
            yield from ("--network", str(service["network_mode"]))
        if "entrypoint" in service:
            yield from ("--entrypoint", json.dumps(service["entrypoint"]))
        is_built = "build" in service
        yield _image(service["build"]["target"]) if is_built else stand_in(service["image"])
        yield from map(str, command)

    def _network_flags(self, service: Mapping[str, Any], name: str) -> Iterator[str]:
        """The networks of a container, in which the services have their names.

        Podman's name server of one network denies the names of another, and which of them is asked
        is chance. So there the services have fixed addresses, which each container knows.
        """
        networks = _networks(service)
        if is_docker():
            yield from (f"--network-alias={name}" for _ in networks[:1] if name)
        for network in networks:
            own = f":ip={self._address(network, name)}" if name and not is_docker() else ""
            yield from ("--network", self._network(network) + own)
        for other, peer in self.services.items():
            shared = [network for network in networks if network in _networks(peer)]
            if shared and not is_docker():
                yield from ("--add-host", f"{other}:{self._address(shared[0], other)}")

    def _address(self, network: str, name: str) -> str:
        # Addresses that podman gives begin at 2.
        return f"{self._subnets[network]}.{100 + list(self.services).index(name)}"

    def _own_port(self, published: str) -> str:
        address, port, inside = published.split(":")
        return f"{address}:{self._ports.get(port, port)}:{inside}"

    def _volume(self, text: str) -> str:
        source, separator, target = text.partition(":")
        if not separator:
            return source
        if source.startswith("."):
            return f"{(self._root / source).resolve()}:{target}"
        volume = f"{self._name}-{source}"
        self._volumes.add(volume)
        return f"{volume}:{target}"

    def _network(self, network: str) -> str:
        return f"{self._name}-{network}"


_SWITCHES = {"read_only": "--read-only", "init": "--init"}
_LISTS = {
    "tmpfs": "--tmpfs",
    "security_opt": "--security-opt",
    "cap_drop": "--cap-drop",
    "cap_add": "--cap-add",
    "ports": "--publish",
}
"""Lists of a service, and the flag of the engine for each value."""


def _networks(service: Mapping[str, Any]) -> list[str]:
    if "network_mode" in service:
        return []
    return list(service.get("networks", ["default"]))


def stand_in(image: str) -> str:
    """The name of an image; without its digest, where it is one that was made here."""
    return image if is_docker() else image.partition("@")[0]


def _image(target: str) -> str:
    return f"localhost/roadmask-{target}"
