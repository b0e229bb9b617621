"""A client that sends much, or sends slowly, is refused; the others are served meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from api.bodies.limits import MAX_JSON_BYTES
from api.connections import limited_connection
from api.connections.limited_connection import MAX_HEAD_BYTES, MAX_HEADERS
from roadmask.settings import Settings
from tests.harness.waiting import wait_until

PER_ADDRESS = 6
BODY = b"PUT /v1/images/sha256-%s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" % (
    b"0" * 64
)


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": PER_ADDRESS})


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_connection, "HEAD_S", 0.3)
    monkeypatch.setattr(limited_connection, "BODY_CHECK_S", 0.3)


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        yield connection


def answer_of(connection: socket.socket) -> bytes:
    """All that the service sends until it closes the connection."""
    blocks = []
    with ExitStack() as exits:
        exits.callback(connection.close)
        try:
            while block := connection.recv(65536):
                blocks.append(block)
        except ConnectionResetError:
            # It closed the connection while bytes were still under way.
            pass
    return b"".join(blocks)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nA: " + b"a" * (2 * MAX_HEAD_BYTES),
        b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * MAX_HEADERS + b"\r\n",
        b"GET /" + b"a" * (2 * MAX_HEAD_BYTES),
    ],
)
def test_a_head_has_a_limit(client: httpx.Client, head: bytes) -> None:
    with connected(client) as connection:
        connection.sendall(head)
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code": "head_too_large"' in answer
    assert client.get("/healthz").is_success


def test_a_long_head_within_the_limit_is_read(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"A": "a" * (MAX_HEAD_BYTES - 2000)}).is_success


def test_as_many_headers_as_the_limit_are_read(client: httpx.Client) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    with connected(client) as connection:
        connection.sendall(head + b"A: b\r\n" * (MAX_HEADERS - 2) + b"\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n"])
def test_a_head_has_its_time(client: httpx.Client, begun: bytes) -> None:
    with connected(client) as connection:
        connection.sendall(begun)
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 408 ") if begun.startswith(b"GET") else answer == b""


def test_a_second_head_has_the_same_time(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /heal")
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_body_has_a_least_rate(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(BODY + b"a few bytes")
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_too_slow"' in answer


def test_an_address_has_a_limit_of_connections(client: httpx.Client) -> None:
    def waiting(connection: socket.socket) -> None:
        connection.sendall(BODY)

    with ExitStack() as exits:
        for _ in range(PER_ADDRESS):
            waiting(exits.enter_context(connected(client)))
        last = exits.enter_context(connected(client))
        answer = answer_of(last)
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: " in answer
    wait_until(lambda: client.get("/healthz").is_success)


def test_what_is_no_http_gets_a_problem(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


CHUNKED = b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"0\r\n" + b"A: b\r\n" * 40_000,
        b"0\r\nA: " + b"b" * (4 * MAX_HEAD_BYTES),
        b"2;" + b"a" * (4 * MAX_HEAD_BYTES),
        b"".join(b"1;%s\r\n{\r\n" % (b"a" * 500) for _ in range(500)),
    ],
    ids=["trailers", "one trailer", "an extension", "extensions"],
)
def test_what_comes_around_a_body_has_a_limit(client: httpx.Client, rest: bytes) -> None:
    with connected(client) as connection:
        connection.sendall(CHUNKED)
        for start in range(0, len(rest), 4096):
            try:
                connection.sendall(rest[start : start + 4096])
            except OSError:
                break  # it closed the connection
        assert answer_of(connection).startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 4"))
    assert client.get("/healthz").is_success


def test_a_request_after_a_refused_body_is_read(client: httpx.Client) -> None:
    long = b"[" + b" " * (MAX_JSON_BYTES // 2) + b"]"
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n%s\r\n\r\n"
    refused = head % b"Content-Length: %d" % (2 * MAX_JSON_BYTES)
    with connected(client) as connection:
        connection.sendall(refused)
        assert b" 413 " in connection.recv(4096)
        connection.sendall(
            bytes(2 * MAX_JSON_BYTES) + head % b"Content-Length: %d" % len(long) + long
        )
        assert b" 422 " in connection.recv(4096)


@pytest.mark.parametrize("size", [1, 2, 4096])
def test_a_body_in_small_chunks_is_read(client: httpx.Client, size: int) -> None:
    body = b'{"images": [%s]}' % b",".join([b'{"id": "a"}'] * 2000)
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    answer = client.post("/v1/jobs", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.json()["code"] == "image_not_found"


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"], ids=["none", "two"])
def test_a_request_names_one_host(client: httpx.Client, hosts: bytes) -> None:
    with connected(client) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + hosts + b"\r\n")
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Send one Host header." in answer
    with connected(client) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 200 ")
