"""How `MinioStore` bears servers that are down, silent, broken or gone in mid-sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from roadmask.errors import StoreUnavailable
from roadmask.settings import Settings
from storage.objects import minio as minio_store
from storage.objects.minio import MinioStore
from tests.servers.process import HOST, free_port

pytestmark = pytest.mark.slow

CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FORK = """
import os, sys
from roadmask.settings import Settings
from storage.connections import open_store

store = open_store(Settings())
store.get("a")
if child := os.fork():
    status = os.waitpid(child, 0)[1]
    store.get("a")
    sys.exit(os.waitstatus_to_exitcode(status))
store.get("a")
"""
NO_S3 = b"HTTP/1.1 418 Teapot\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n<>"


def settings(port: int) -> Settings:
    return Settings(minio_endpoint=f"{HOST}:{port}", minio_secret_key="secret of tests")


@contextmanager
def server(answer: bytes | None) -> Iterator[tuple[MinioStore, list[bytes]]]:
    """A store on a server that gives every request this answer, or with None no answer at all."""
    listener = socket.create_server((HOST, 0))
    requests: list[bytes] = []
    connections: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            requests.append(connection.recv(65536))
            if answer is not None:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_RDWR)

    thread = Thread(target=serve)
    thread.start()
    try:
        yield MinioStore(settings(listener.getsockname()[1])), requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for open_socket in (listener, *connections):
            open_socket.close()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("call", ["get", "stream", "info", "exists", "delete", "check", "keys"])
def test_a_store_that_is_down_is_told(call: str) -> None:
    store = MinioStore(settings(free_port()))
    with pytest.raises(StoreUnavailable, match="does not answer"):
        list(getattr(store, call)(*([] if call == "check" else ["a"])))


@pytest.mark.timeout(30)
def test_a_put_to_a_store_that_is_down_is_told() -> None:
    with pytest.raises(StoreUnavailable):
        MinioStore(settings(free_port())).put("a", b"x", "text/plain")


@pytest.mark.timeout(30)
def test_a_silent_server_does_not_hold_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minio_store, "READ_TIMEOUT_S", 0.3)
    with server(None) as (store, requests):
        with pytest.raises(StoreUnavailable):
            store.get("a")
        assert len(requests) == 2  # one more try, no more: each costs a whole timeout


@pytest.mark.parametrize("call", ["get", "stream"])
def test_bytes_that_stop_in_the_middle_are_no_object(call: str) -> None:
    with server(CUT_OFF) as (store, _), pytest.raises(StoreUnavailable):
        b"".join(getattr(store, call)("a"))


def test_a_busy_server_is_asked_again_before_giving_up() -> None:
    with server(BUSY) as (store, requests):
        with pytest.raises(StoreUnavailable):
            store.get("a")
        assert len(requests) == 4


def test_something_that_is_no_s3_is_told() -> None:
    with server(NO_S3) as (store, _), pytest.raises(StoreUnavailable, match="does not answer as"):
        store.get("a")


def test_signing_a_url_needs_no_network() -> None:
    url = MinioStore(settings(free_port())).url("a", timedelta(minutes=15))
    assert "X-Amz-Expires=900" in url
    assert "X-Amz-Signature=" in url


def test_a_fork_does_not_share_a_connection() -> None:
    """Else the answers to parent and child would mix. In a process of its own, as forks should."""
    connections = []

    class Kept(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connections.append(self.client_address)

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1")
            self.end_headers()
            self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Kept) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        environment = os.environ | {
            "ROADMASK_STORE": "minio",
            "ROADMASK_MINIO_ENDPOINT": f"{HOST}:{http.server_address[1]}",
            "ROADMASK_MINIO_SECRET_KEY": "secret of tests",
        }
        ran = subprocess.run([sys.executable, "-c", FORK], env=environment, capture_output=True)
        http.shutdown()
        thread.join()
    assert ran.returncode == 0, ran.stderr.decode()
    assert len(connections) == 2
