"""Bodies are limited in front of every route, and refused only where a route reads them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import httpx
import pytest

from api.bodies.limits import MAX_JSON_BYTES, MAX_JSON_OBJECTS, MAX_JSON_VALUES
from tests.harness.api.submission import UNKNOWN
from tests.harness.images.api_images import digest, picture, put

JSON = {"Content-Type": "application/json"}


def long_job(image_id: str) -> bytes:
    """A job of one image many times, too long for JSON."""
    ref = json.dumps({"id": image_id}).encode()
    return b'{"images": [' + b", ".join([ref] * (MAX_JSON_BYTES // len(ref))) + b"]}"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/images/missing", "application/json"),
        ("/v1/images/missing", "application/vnd.list+json"),
        ("/v1/images/missing", "text/plain"),
        ("/v1/datasets/a/images", "application/json"),
        ("/v1/jobs", "application/json"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_no_typed_body_is_longer_than_the_limit(
    client: httpx.Client, path: str, kind: str, declared: bool
) -> None:
    blocks = (bytes(2**20) for _ in range(MAX_JSON_BYTES // 2**20 + 1))
    body: bytes | Iterator[bytes] = b"".join(blocks) if declared else blocks
    answer = client.post(path, content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert f"{MAX_JSON_BYTES:,} bytes" in answer.json()["detail"]


def test_a_list_too_long_for_json_goes_as_lines(client: httpx.Client) -> None:
    image_id = put(client, picture())
    body = long_job(image_id)
    answer = client.post("/v1/jobs", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert "application/x-ndjson" in answer.json()["detail"]
    one_too_many = json.dumps({"images": [{"id": image_id}] * 10_001})
    answer = client.post("/v1/jobs", content=one_too_many, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "10,001" in answer.json()["detail"]
    assert "application/x-ndjson" in answer.json()["detail"]
    count = len(json.loads(body)["images"])
    lines = b"{}\n" + (json.dumps({"id": image_id}).encode() + b"\n") * count
    assert len(lines) > MAX_JSON_BYTES
    headers = {"Content-Type": "application/x-ndjson"}
    answer = client.post("/v1/jobs", content=lines, headers=headers)
    assert (answer.status_code, answer.json()["counts"]["total"]) == (202, count)


@pytest.mark.parametrize("path", ["/v1/images/missing", "/v1/jobs", "/label-studio/predict"])
@pytest.mark.parametrize(
    ("value", "most"),
    [(b"0", f"{MAX_JSON_VALUES:,} values"), (b"{}", f"{MAX_JSON_OBJECTS:,} objects")],
)
def test_json_has_a_limit_of_values(
    client: httpx.Client, path: str, value: bytes, most: str
) -> None:
    body = b"[" + b", ".join([value] * (int(most.split()[0].replace(",", "")) + 1)) + b"]"
    answer = client.post(path, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert most in answer.json()["detail"]


def test_ten_thousand_entries_fit(client: httpx.Client) -> None:
    put(client, data := picture())
    sha256 = digest(data)
    entries = [{"name": f"drive/{n:06d}", "sha256": sha256} for n in range(10_000)]
    answer = client.post("/v1/datasets/long/images", json=entries, timeout=60)
    assert (answer.status_code, len(answer.json())) == (201, 10_000)


@pytest.mark.parametrize("path", ["/v1/images/missing", "/v1/jobs"])
def test_compressed_json_is_refused(client: httpx.Client, path: str) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    answer = client.post(path, content=gzip.compress(b"{}"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "body_compressed")
    assert "image" not in answer.text
    assert answer.headers["Accept-Encoding"] == "identity"
    assert "gzip" in answer.json()["detail"]


def test_a_body_that_no_route_reads_is_ignored(client: httpx.Client) -> None:
    answer = client.post(f"/v1/jobs/{UNKNOWN}/cancel", content=bytes(MAX_JSON_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
