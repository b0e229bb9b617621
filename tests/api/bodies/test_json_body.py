"""JSON is read strictly, by every route that takes it."""

from __future__ import annotations

import httpx
import pytest

from tests.harness.api.server import ApiServer
from tests.harness.api.submission import UNKNOWN
from tests.harness.images.api_images import picture

HEADERS = {"Content-Type": "application/json"}


def requests(api: ApiServer) -> list[tuple[str, str]]:
    """The method and the path of every route that takes JSON."""
    return [
        (method, path.replace("{name}", "scenes").replace("{job_id}", UNKNOWN))
        for path, operations in api.app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        '{"sha256": []}'.encode("utf-16"),
        b'{"sha256": ["\\ud800"]}',
        b'{"tasks": [], "label_config": "\\ud800"}',
        b'{"sha256": [' + b"1" * 5000 + b"]}",
    ],
    ids=["empty", "open", "no-utf-8", "deep", "utf-16", "surrogate", "nested", "digits"],
)
def test_odd_json_is_the_clients_fault(
    client: httpx.Client, empty_api: ApiServer, body: bytes
) -> None:
    found = requests(empty_api)
    assert len(found) == 8
    for method, path in found:
        answer = client.request(method, path, content=body, headers=HEADERS)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), path


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("/v1/images/missing", '{{"sha256": [], "sha256": ["{0}"]}}'),
        ("/v1/jobs", '{{"name": "a", "images": [{{"id": "x/y"}}], "name": "b"}}'),
        ("/v1/jobs", '{{"images": [{{"id": "x/y", "id": "x/y"}}]}}'),
        ("/v1/datasets/scenes/images", '[{{"name": "a", "sha256": "{0}", "name": "b"}}]'),
        ("/label-studio/predict", '{{"tasks": [{{"id": 1, "id": 1, "data": {{}}}}]}}'),
    ],
)
def test_a_request_that_is_valid_but_for_a_repeated_member_names_it(
    client: httpx.Client, path: str, request_body: str
) -> None:
    answer = client.post(path, content=request_body.format("0" * 64), headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert " twice" in answer.json()["detail"]


def test_pixels_in_a_query_have_each_member_once(client: httpx.Client) -> None:
    pixels = '{"bits": 12, "bits": 10}'
    answer = client.post("/v1/segment", params={"pixels": pixels}, content=picture())
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "'bits' twice" in answer.json()["detail"]


def test_json_that_cannot_be_parsed_names_the_place(client: httpx.Client) -> None:
    answer = client.post("/v1/images/missing", content=b'{"sha256": [1, }', headers=HEADERS)
    assert "line 1 column 16" in answer.json()["detail"]


def test_json_of_another_media_type_is_not_read(client: httpx.Client) -> None:
    for path in ("/v1/images/missing", "/v1/jobs", "/rest/"):
        answer = client.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert "application/json" in answer.json()["detail"]


def test_a_byte_order_mark_is_ignored(client: httpx.Client) -> None:
    """PowerShell and editors of Windows write it."""
    body = b'\xef\xbb\xbf{"sha256": []}'
    assert client.post("/v1/images/missing", content=body, headers=HEADERS).json() == {"sha256": []}
    jobs = {
        "application/json": b'{"prefix": "none/"}',
        "application/x-ndjson": b'{}\n{"id": "a/b"}',
    }
    for kind, job in jobs.items():
        headers = {"Content-Type": kind}
        answer = client.post("/v1/jobs", content=b"\xef\xbb\xbf" + job, headers=headers)
        assert answer.json()["code"] == "image_not_found"


def test_another_encoding_is_named(client: httpx.Client) -> None:
    for path in ("/v1/images/missing", "/v1/jobs"):
        body = '{"sha256": []}'.encode("utf-16")
        detail = client.post(path, content=body, headers=HEADERS).json()["detail"]
        assert "it is in UTF-16; send it in UTF-8" in detail
