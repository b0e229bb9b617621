"""Keys: without one nothing is open that need not be."""

from __future__ import annotations

import hashlib
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection

import httpx
import pytest
from fastapi import FastAPI

from roadmask.settings import Settings
from storage.objects.local import LocalStore
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import digest, picture, put

KEY = "rm_4a7d1ed414474e4033ac29ccb8653d9b"
OPEN = {"/healthz", "/readyz", "/v1/objects/{key}"}


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    hashes = [hashlib.sha256(key.encode()).hexdigest() for key in ("another key", KEY)]
    return settings.model_copy(update={"api_key_hashes": hashes})


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """All of the API's operations that are not open, as method and path."""
    return [
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if path not in OPEN
    ]


def test_every_operation_asks_for_a_key(client: httpx.Client, api: ApiServer) -> None:
    for method, path in operations(api.app):
        address = path.replace("{sha256}", "0" * 64).replace("{index}", "0")
        answer = client.request(method, address.replace("{", "").replace("}", ""))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_every_operation_documents_the_key(api: ApiServer) -> None:
    paths = api.app.openapi()["paths"]
    for method, path in operations(api.app):
        assert paths[path][method.lower()]["security"], path


def test_what_is_open_is_documented_as_open(api: ApiServer) -> None:
    document = api.app.openapi()
    assert "security" not in document, "it would hold for every operation"
    for path in OPEN:
        for operation in document["paths"][path].values():
            assert "security" not in operation, path
            assert "401" not in operation["responses"], path


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": "Bearer another key"},
        {"X-API-Key": KEY},
    ],
)
def test_each_key_opens_in_either_header(client: httpx.Client, headers: dict[str, str]) -> None:
    assert client.get("/v1/taxonomy", headers=headers).is_success


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"X-API-Key": ""},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": hashlib.sha256(KEY.encode()).hexdigest()},
    ],
)
def test_a_wrong_key_does_not_open(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.get("/v1/taxonomy", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert KEY not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/images/missing", "application/json"),
        ("POST", "/v1/jobs", "application/json"),
        ("POST", "/v1/jobs", "multipart/form-data; boundary=b"),
        ("POST", "/v1/images", "multipart/form-data; boundary=b"),
        ("PUT", f"/v1/images/sha256-{'0' * 64}", "image/jpeg"),
    ],
)
def test_without_a_key_no_body_is_waited_for(
    client: httpx.Client, method: str, path: str, kind: str
) -> None:
    with closing(HTTPConnection(client.base_url.host, client.base_url.port, timeout=5)) as raw:
        raw.putrequest(method, path)
        raw.putheader("Content-Type", kind)
        raw.putheader("Content-Length", "1000000")
        raw.endheaders()
        assert raw.getresponse().status == 401


def test_what_is_open_stays_open(client: httpx.Client, store: LocalStore) -> None:
    store.put("a", b"bytes", "image/png")
    for path in ("/healthz", "/openapi.json", "/docs"):
        assert client.get(path).is_success
    assert client.get("/readyz").json()["code"] == "workers_unavailable"
    assert client.get(store.url("a", timedelta(minutes=1))).content == b"bytes"


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/docsx", "/v1/objectsx", "//v1/jobs"])
def test_an_unknown_path_needs_a_key(client: httpx.Client, path: str) -> None:
    answer = client.get(client.base_url.copy_with(raw_path=path.encode()))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    client.headers["X-API-Key"] = KEY
    answer = client.get(client.base_url.copy_with(raw_path=path.encode()))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_basic_is_for_label_studio_alone(client: httpx.Client) -> None:
    assert client.get("/label-studio/health", auth=("anyone", KEY)).is_success
    for path, password in (("/v1/taxonomy", KEY), ("/label-studio/health", "wrong")):
        assert client.get(path, auth=("anyone", password)).status_code == 401
    headers = {"Authorization": "Basic %%%"}
    assert client.get("/label-studio/health", headers=headers).status_code == 401


def test_signed_links_need_no_key(client: httpx.Client) -> None:
    client.headers["X-API-Key"] = KEY
    image = client.get(f"/v1/images/{put(client, picture())}").json()
    assert image["sha256"] == digest(picture())
    assert httpx.get(image["content_url"]).content == picture()


@pytest.mark.parametrize("entry", ["mykey", "", "0" * 63, "g" * 64, hashlib.sha256().hexdigest()])
def test_what_is_no_hash_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is not the sha256 of a key"):
        Settings(api_key_hashes=[entry])


def test_a_hash_may_be_in_capitals() -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    assert Settings(api_key_hashes=[f" {digest.upper()}"]).api_key_hashes == [digest]
