"""Free TCP ports of this machine."""

from __future__ import annotations

import socket

from roadmask.errors import Unavailable


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def preferred_port(port: int) -> int:
    """This port if it is free, else another that is."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return free_port()
    return port


def check_free(port: int, host: str = "127.0.0.1") -> None:
    """Raises `Unavailable` when the port of that address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise Unavailable(
            f"Port {port} cannot be used ({error.strerror}). Choose another with --port."
        ) from error
