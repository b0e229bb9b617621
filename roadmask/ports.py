"""TCP ports of this machine."""

from __future__ import annotations

import socket

from roadmask.errors import Unavailable


def free_port() -> int:
    """A TCP port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def preferred_port(port: int) -> int:
    """This port of this machine when it is free, else one that is."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return free_port()
    return port


def check_free(port: int) -> None:
    """Raises `Unavailable` when something listens on this port of this machine."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise Unavailable(
            f"Port {port} cannot be used ({error.strerror}). Choose another with --port."
        ) from error
