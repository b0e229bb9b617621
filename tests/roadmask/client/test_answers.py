"""Answers of services that are newer, older, or no Roadmask at all."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import roadmask
from roadmask import AsyncClient, Client
from roadmask.client.transport import service_url
from roadmask.errors import IncompatibleService, InvalidRequest, ServiceUnreachable
from tests.harness.client.program import call_roadmask
from tests.harness.client.stub_server import StubResponse, StubServer, stub_server

JOB: dict[str, Any] = {
    "id": "j",
    "state": "succeeded",
    "lane": "batch",
    "model": "m@1",
    "counts": {"total": 1, "succeeded": 1},
    "progress": 1,
    "created_at": "2026-01-01T00:00:00Z",
}


def answer(content: object, version: str | None = "7.0") -> StubResponse:
    return StubResponse(
        body=json.dumps(content).encode(), headers={"Roadmask-Version": version} if version else {}
    )


def test_members_of_a_newer_service_are_ignored() -> None:
    newer = JOB | {"tenant": "acme", "counts": JOB["counts"] | {"parked": 0}}
    item = {"index": 0, "image_id": "a", "state": "queued", "shade": 1}
    page = {"items": [item], "next": None, "total": 1}
    with stub_server(answer(newer), answer(page)) as stub, Client(stub.url) as client:
        assert client.job("j").counts.succeeded == 1
        assert [one.image_id for one in client.results("j")] == ["a"]


@pytest.mark.parametrize("version", ["7.0", None])
def test_an_answer_that_cannot_be_read_is_one_sentence_with_both_versions(
    version: str | None,
) -> None:
    without = {name: value for name, value in JOB.items() if name != "state"}
    with (
        stub_server(answer(without, version)) as stub,
        Client(stub.url) as client,
        pytest.raises(IncompatibleService) as raised,
    ):
        client.job("j")
    detail = raised.value.detail
    assert f"{stub.url} (" in detail
    assert (f"Roadmask {version}" if version else "does not name its version") in detail
    assert "GET /v1/jobs/j has no valid `state` (Field required)" in detail
    assert f"this client is Roadmask {roadmask.__version__}" in detail


CALLS: dict[str, Callable[[Client], object]] = {
    "missing": lambda client: client.missing(["0" * 64]),
    "artifact": lambda client: client.artifact(),
    "service": lambda client: client.service(),
    "datasets": lambda client: client.datasets(),
    "jobs": lambda client: list(client.jobs()),
    "masks": lambda client: client.masks("j", 0, 1),
    "deliveries": lambda client: client.webhook_deliveries("j"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("body", [b"<html>It works!</html>", b'[{"other": 1}]'])
def test_another_server_is_told_apart(name: str, body: bytes) -> None:
    with (
        stub_server(StubResponse(body=body)) as stub,
        Client(stub.url, patience=0) as client,
        pytest.raises(IncompatibleService, match="Check the address"),
    ):
        CALLS[name](client)


def test_the_program_ends_with_that_sentence(tmp_path: Path) -> None:
    with stub_server(StubResponse(body=b"<html>")) as stub:
        done = call_roadmask("jobs", "--url", stub.url, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The answer of http")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1:8400", "http://127.0.0.1:8400"),
        ("localhost:8400/", "http://localhost:8400"),
        ("gpu-box", "http://gpu-box"),
        ("[::1]:8000", "http://[::1]:8000"),
        (" https://host/seg/ ", "https://host/seg"),
        ("http://host/#/jobs?job=1", "http://host"),
        ("http://host/seg#/segment?image=a/b@c?.jpg", "http://host/seg"),
    ],
)
def test_an_address_needs_no_scheme(given: str, url: str) -> None:
    assert service_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        *(
            "ftp://host",
            "http://",
            "http://host:99999",
            "host:port",
            "http://host/?x=1",
            "http://h?",
        ),
        *("http://a..b:8000", f"http://{'a' * 70}.com", "http://xn--zzzzz--.example:1"),
        *("http://xn--99999999.example", "http://a b", "http://u:geheim@a..b", "u:geheim/x@host"),
    ],
)
def test_what_is_no_address_is_refused_at_once(given: str) -> None:
    with pytest.raises(InvalidRequest, match="write it as http://HOST:PORT") as told:
        Client(given)
    assert "geheim" not in told.value.detail


def test_the_password_of_an_address_is_sent_and_not_shown() -> None:
    with stub_server(answer(JOB)) as stub:
        address = stub.url.replace("://", "://user:geh%40eim@")
        with Client(address) as client:
            client.job("j")
            assert (client.base_url, repr(client)) == (stub.url, f"Client('{stub.url}')")
        assert stub.requests[-1].headers["authorization"] == "Basic dXNlcjpnZWhAZWlt"
    with Client(address, patience=0) as client, pytest.raises(ServiceUnreachable) as told:
        client.job("j")
    assert "geh" not in told.value.detail


def test_a_client_says_what_it_is() -> None:
    with stub_server(answer(JOB)) as stub, Client(stub.url, "secret") as client:
        assert repr(client) == f"Client('{stub.url}')"
        client.job("j")
        assert _agent(stub) == f"roadmask/{roadmask.__version__} python/{platform.python_version()}"
        assert repr(AsyncClient(stub.url, "secret")) == f"AsyncClient('{stub.url}')"


def _agent(stub: StubServer) -> str:
    return stub.requests[-1].headers["user-agent"]
