"""Free TCP ports of this machine."""

from __future__ import annotations

import socket
from ipaddress import ip_address

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


def reachable(host: str) -> str:
    """The host of a URL at which this machine reaches what listens on the address `host`."""
    try:
        address = ip_address(host)
    except ValueError:
        return "127.0.0.1" if host == "localhost" else host
    if address.version == 6:
        return "[::1]" if address.is_unspecified else f"[{address}]"
    return "127.0.0.1" if address.is_unspecified else host
