"""Every failure has one shape, and none tells more than it should."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.headers import SECURITY_HEADERS
from roadmask.settings import Settings
from tests.harness.api.server import ApiServer
from tests.harness.api.submission import UNKNOWN
from tests.servers.process import HOST, free_port


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/", "/v1/nothing", "/docs/assets/x.js"])
def test_unknown_addresses(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/jobs"), ("POST", "/healthz")])
def test_unknown_methods(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("DELETE", "/v1/datasets/%00", None, "a name without slashes"),
        (
            "POST",
            "/v1/jobs",
            {"images": [{"id": "a//b"}]},
            "images.0.id: String should be an image",
        ),
        ("POST", "/v1/jobs", {"prefix": "a", "name": "a\nb"}, "one line of text"),
        ("POST", "/v1/datasets/a/images", [{"name": "b", "sha256": "A"}], "64 hexadecimal digits"),
        ("PUT", f"/v1/jobs/{UNKNOWN}/sharing", {"keys": ["rm_1"]}, "after `rm_`"),
        ("GET", f"/v1/jobs/{UNKNOWN}/annotations?format=png", None, "be 'coco', 'labelstudio' or"),
    ],
)
def test_what_a_text_should_be_is_told_in_words(
    client: httpx.Client, method: str, path: str, body: object, told: str
) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert not {"pattern", "MaskFormat"} & set(answer.json()["detail"].split())


def test_every_answer_has_the_strict_headers(client: httpx.Client) -> None:
    for path in ("/healthz", "/v1/taxonomy", "/v1/jobs", "/nothing"):
        answer = client.get(path)
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value
    assert "Server" not in client.get("/healthz").headers


def test_what_nobody_foresaw_is_told_without_its_cause(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise ValueError("the secret cause")

    app = create_app(settings)
    app.add_api_route("/broken", broken)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            return await client.get("/broken")

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "secret" not in answer.text
    (line,) = [record for record in caplog.records if record.getMessage() == "request"]
    assert line.exc_info
    assert "the secret cause" in str(line.exc_info[1])


@pytest.fixture
def lonely(tmp_path: Path) -> ApiServer:
    """An API whose Redis does not answer, and whose store's folder cannot be made."""
    (tmp_path / "objects").write_text("a file is in the way")
    settings = Settings(
        redis_url=f"redis://{HOST}:{free_port()}/0",
        data_dir=tmp_path,
        public_url=f"http://{HOST}:{free_port()}",
    )
    return ApiServer(settings)


def test_without_its_backends_the_api_lives_and_says_what_is_missing(lonely: ApiServer) -> None:
    with lonely as server, httpx.Client(base_url=server.url, timeout=20) as client:
        assert client.get("/healthz").is_success
        for path in ("/readyz", "/v1/jobs", "/v1/service", f"/v1/jobs/{UNKNOWN}"):
            answer = client.get(path)
            # The keys, which are looked up first, are in both.
            missing = {"records_unavailable": "Redis", "store_unavailable": "object store"}
            assert answer.status_code == 503
            assert missing[answer.json()["code"]] in answer.json()["detail"]
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["retryable"]
