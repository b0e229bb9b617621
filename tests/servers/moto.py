"""moto's S3: a second implementation of the protocol, in a thread of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as installed

from tests.servers.process import HOST


@contextmanager
def moto_server() -> Iterator[str]:
    """The server's `host:port`. It accepts any key and checks no signature."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(HOST, port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"{host}:{port}"
    finally:
        server.stop()


def version() -> str:
    """moto's version, for the header of a test run."""
    return f"moto {installed('moto')}"
