"""A web server that sends the responses of the test and records the requests."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.servers.process import HOST


@dataclass(frozen=True)
class StubResponse:
    """One response. `cut` closes the connection before the body is complete.

    The body comes `delay_s` seconds after the head."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    delay_s: float = 0


@dataclass(frozen=True)
class StubRequest:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class StubServer:
    """Sends its responses in order and repeats the last one. `requests` grows as they arrive."""

    url: str
    responses: list[StubResponse] = field(default_factory=list)
    requests: list[StubRequest] = field(default_factory=list)

    def next_response(self) -> StubResponse:
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


def problem(status: int, **members: Any) -> StubResponse:
    """A response with a problem object."""
    body = json.dumps({"status": status, **members}).encode()
    return StubResponse(status, body, {"Content-Type": "application/problem+json"})


class _Handler(BaseHTTPRequestHandler):
    stub: StubServer

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.stub.requests.append(StubRequest(self.command, self.path, headers, body))
        response = self.stub.next_response()
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body) + response.cut))
        self.end_headers()
        time.sleep(response.delay_s)
        self.wfile.write(response.body)
        if response.cut:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    do_GET = do_POST = do_PUT = _respond  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def stub_server(*responses: StubResponse, port: int = 0) -> Iterator[StubServer]:
    """The server while the context is open."""
    with ThreadingHTTPServer((HOST, port), _Handler) as server:
        stub = StubServer(f"http://{HOST}:{server.server_address[1]}", list(responses))
        server.RequestHandlerClass = type("Handler", (_Handler,), {"stub": stub})
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
