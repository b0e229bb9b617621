"""Weaknesses that were once found, as a client meets them: `docs/security.md` lists them all.

`TEST_URL=http://127.0.0.1:8000 pytest tests/api/test_weaknesses.py` tries them on a service
that runs without keys, also on one of another revision; TEST_PID is the process of its API.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """The service that is tried: another one, or this test's own."""
    given = os.environ.get("TEST_URL")
    return given or str(request.getfixturevalue("empty_api").url)


@pytest.fixture
def plain(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=120) as client:
        yield client


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data) if length is None else length) + kind + data + checksum


def claiming_png(claim: int) -> bytes:
    """A PNG of 32x24 pixels whose data claim to have so many bytes."""
    header = struct.pack(">IIBBBBB", 32, 24, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(24 * (1 + 32 * 3)))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data, claim)


def put(client: httpx.Client, data: bytes) -> httpx.Response:
    sha256 = hashlib.sha256(data).hexdigest()
    return client.put(f"/v1/images/sha256-{sha256}", content=data)


@pytest.mark.parametrize("claim", [2**20, 2000 * 2**20, 2**32 - 1])
def test_1_a_small_file_that_claims_gigabytes_is_refused_at_the_door(
    plain: httpx.Client, claim: int
) -> None:
    answer = put(plain, claiming_png(claim))
    assert (answer.status_code, answer.json()["code"]) == (422, "image_unreadable")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/jobs", {"images": [{"id": "a"}] * 200_000}),
        ("/v1/jobs", {"images": [{"id": "a"}] * 10_001}),
        ("/label-studio/predict", {"tasks": [{"data": {}}] * 1001}),
        ("/v1/datasets/a/images", [{"name": "a", "sha256": "0" * 64}] * 10_001),
        ("/v1/images/missing", {"sha256": ["0" * 64] * 10_001}),
    ],
)
def test_2_lists_in_json_are_counted(plain: httpx.Client, path: str, body: object) -> None:
    answer = plain.post(path, json=body)
    assert answer.status_code in (413, 422)
    assert answer.json()["code"] in ("upload_too_large", "invalid_request")


def test_3_heads_have_a_limit(url: str) -> None:
    where = urlsplit(url)
    for headers in ({"X": "a" * 2**17}, {f"X{n}": "a" * 100 for n in range(1000)}):
        with closing(HTTPConnection(str(where.hostname), where.port, timeout=30)) as raw:
            raw.request("GET", "/healthz", headers=headers)
            assert raw.getresponse().status == 431


@pytest.mark.parametrize("name", ["\x1b]0;PWN\x07", "a\r\nb", "a\x00b", "a\u202eb", "a\x9bb"])
def test_5_names_have_no_control_characters(plain: httpx.Client, name: str) -> None:
    answer = plain.post("/v1/jobs", json={"dataset": "none", "name": name})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["images/no/image", "datasets/no", "truths/sha256-" + "0" * 64])
def test_6_what_belongs_to_people_can_be_deleted(plain: httpx.Client, path: str) -> None:
    assert plain.delete(f"/v1/{path}").status_code == 404, "405 would mean that nothing is"


def test_6_deletion(plain: httpx.Client) -> None:
    data = claiming_png(len(zlib.compress(bytes(24 * 97)))) + chunk(b"IEND", b"")
    image = put(plain, data).json()["id"]
    assert plain.delete(f"/v1/images/{image}").status_code == 202
    assert plain.get(f"/v1/images/{image}").status_code == 404


def peak_bytes(process: Path) -> int:
    """The most memory that a process had since it was last forgotten."""
    (line,) = (line for line in (process / "status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def test_4_thumbnails_take_no_memory_of_the_api(plain: httpx.Client) -> None:
    process = Path("/proc") / os.environ.get("TEST_PID", "self")
    names = []
    for grey in range(60, 64):
        file = io.BytesIO()
        Image.new("RGB", (7000, 7000), (grey, grey, grey)).save(file, "webp", method=0)
        names.append(put(plain, file.getvalue()).json()["id"])
    (process / "clear_refs").write_text("5")
    before = peak_bytes(process)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda name: plain.get(f"/v1/images/{name}/thumbnail"), names))
    assert {answer.status_code for answer in answers} <= {200, 307, 503}
    assert peak_bytes(process) - before < 100e6


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/jobs", b'{"dataset": "scenes", "deadline_s": 1e999}'),
        ("POST", "/v1/jobs", b'{"dataset": "scenes", "deadline_s": 1e300}'),
        ("POST", "/v1/jobs", b'{"dataset": "scenes", "deadline_s": NaN}'),
        ("POST", "/v1/jobs", b'{"dataset": "scenes", "error_threshold": -1e999}'),
        ("GET", "/v1/images?dataset=scenes&offset=18446744073709551617", b""),
        ("GET", "/v1/images?dataset=scenes&offset=-1", b""),
        ("GET", "/v1/images?limit=1e3", b""),
        ("GET", "/v1/jobs?limit=99999999999999999999", b""),
    ],
)
def test_10_odd_numbers_are_the_clients_fault(
    plain: httpx.Client, method: str, path: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = plain.request(method, path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "image", ["http://[::1/v1/images/x", "http://a:99999999/x", "//[", "http://[v1.x]/y", "\x00"]
)
def test_10_an_odd_url_of_label_studio_fails_no_other_task(plain: httpx.Client, image: str) -> None:
    tasks = [{"id": 1, "data": {"image": image}}]
    answer = plain.post("/label-studio/predict", json={"tasks": tasks, "label_config": "<View/>"})
    assert answer.status_code < 500


def test_11_no_redirect_is_made_of_the_host_header(plain: httpx.Client) -> None:
    for path in ("/v1/jobs/", "/v1/images/missing/", "/page", "/docs/"):
        answer = plain.get(path, headers={"Host": "evil.example"})
        assert "evil.example" not in answer.headers.get("Location", "")


def test_11_head_is_answered(plain: httpx.Client) -> None:
    for path in ("/healthz", "/v1/jobs", "/openapi.json"):
        assert plain.head(path).status_code == plain.get(path).status_code == 200


def test_unknown_parameters_and_members_are_refused(plain: httpx.Client) -> None:
    assert plain.get("/v1/jobs?stat=failed").status_code == 422
    body = json.dumps({"dataset": "none", "lnae": "batch"})
    headers = {"Content-Type": "application/json"}
    assert plain.post("/v1/jobs", content=body, headers=headers).status_code == 422
