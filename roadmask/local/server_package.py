"""The package `roadmask-server`: the service and its commands, found by their entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from roadmask.errors import Unavailable

INSTALL = "In a clone of Roadmask `pip install . './server[all]'` installs the service."


def server_commands(group: str = "roadmask.commands") -> dict[str, EntryPoint]:
    """The commands that `roadmask-server` adds to the program, by name; empty without it."""
    return {point.name: point for point in entry_points(group=group)}


def check_server_installed() -> None:
    """Raises `Unavailable` when this environment has the client alone."""
    if not server_commands():
        raise Unavailable(f"The package `roadmask-server` is not installed. {INSTALL}")
