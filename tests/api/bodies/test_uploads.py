"""Images come in: as a form, or one by one under their hash."""

from __future__ import annotations

import gzip
import io
import logging
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from PIL import Image

from roadmask.settings import Settings
from storage.objects.keys import image_key
from storage.objects.local import LocalStore
from tests.harness.images.api_images import BAD, GOOD, HEIGHT, WIDTH, digest, picture, put
from tests.harness.waiting import wait_until


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_upload_bytes": 4000, "max_image_pixels": 1000})


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD.keys())
def test_a_put_image_is_known_by_its_hash_and_its_bytes_are_kept(
    client: httpx.Client, store: LocalStore, make: Callable[[], bytes]
) -> None:
    data = make()
    answer = client.put(f"/v1/images/sha256-{digest(data)}", content=data)
    assert answer.status_code == 201
    image = answer.json()
    assert image["id"] == f"sha256-{digest(data)}"
    assert image["bytes"] == len(data)
    assert {image["width"], image["height"]} == {WIDTH, HEIGHT}
    assert store.get(image_key(digest(data))) == data
    assert store.info(image_key(digest(data))).content_type == f"image/{image['format']}"
    assert httpx.get(image["content_url"]).content == data


def test_sides_are_those_of_the_picture_as_shown(client: httpx.Client) -> None:
    image = client.get(f"/v1/images/{put(client, GOOD['jpeg-turned']())}").json()
    assert (image["width"], image["height"]) == (HEIGHT, WIDTH)


def test_putting_the_same_image_again_is_harmless(client: httpx.Client) -> None:
    data = picture()
    first, second = (
        client.put(f"/v1/images/sha256-{digest(data)}", content=data) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["created_at"] == second.json()["created_at"]


@pytest.mark.parametrize(("make", "code"), BAD.values(), ids=BAD.keys())
def test_what_is_no_image_is_refused_at_once_with_its_cause(
    client: httpx.Client, store: LocalStore, make: Callable[[], bytes], code: str
) -> None:
    data = make()
    answer = client.put(f"/v1/images/sha256-{digest(data)}", content=data)
    assert answer.json()["code"] == code
    assert not store.exists(image_key(digest(data)))


def test_other_bytes_than_announced_are_a_conflict(client: httpx.Client, store: LocalStore) -> None:
    answer = client.put(f"/v1/images/sha256-{digest(picture(1))}", content=picture(2))
    assert (answer.status_code, answer.json()["code"]) == (409, "hash_mismatch")
    assert answer.json()["received"] == digest(picture(2))
    assert list(store.keys("")) == []


@pytest.mark.parametrize("size", [4001, 4000 * 4 + 1])
@pytest.mark.parametrize("announced", [True, False])
def test_too_many_bytes_are_refused_announced_or_not(
    client: httpx.Client, size: int, announced: bool
) -> None:
    data = bytes(size)
    body = data if announced else iter([data[:1000], data[1000:]])
    answer = client.put(f"/v1/images/sha256-{digest(data)}", content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert "4,000 bytes" in answer.json()["detail"]


def test_exactly_as_many_bytes_as_allowed_are_taken(client: httpx.Client) -> None:
    data = picture()
    put(client, data + bytes(4000 - len(data)))


def test_too_many_pixels_are_refused_by_the_header_alone(client: httpx.Client) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    answer = client.put(f"/v1/images/sha256-{digest(bomb)}", content=bomb)
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")


def test_a_picture_that_is_too_large_is_told_its_size(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.new("1", (40, 30)).save(buffer, "PNG")
    data = buffer.getvalue()
    answer = client.put(f"/v1/images/sha256-{digest(data)}", content=data)
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")
    assert "40x30" in answer.json()["detail"]


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    data = gzip.compress(picture())
    answer = client.put(
        f"/v1/images/sha256-{digest(data)}", content=data, headers={"Content-Encoding": "gzip"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "body_compressed")
    assert "image" not in answer.text
    assert answer.headers["Accept-Encoding"] == "identity"
    assert "gzip" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["sha256-xyz", "sha256-" + "A" * 64, "sha256-" + "0" * 63])
def test_a_hash_that_is_none_is_malformed(client: httpx.Client, name: str) -> None:
    answer = client.put(f"/v1/images/{name}", content=picture())
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "64 hexadecimal digits, in lower case" in answer.json()["detail"]


def test_a_form_of_images_gives_each_its_place(client: httpx.Client) -> None:
    files = [("files", (f"{name}.x", make())) for name, make in GOOD.items()]
    answer = client.post("/v1/images", files=files)
    assert answer.status_code == 201
    assert [entry["filename"] for entry in answer.json()] == [name for _, (name, _) in files]
    assert [entry["image"]["sha256"] for entry in answer.json()] == [
        digest(data) for _, (_, data) in files
    ]


def test_bad_files_of_a_form_fail_beside_the_good(client: httpx.Client) -> None:
    bad = {name: make() for name, (make, _) in BAD.items()} | {"long": bytes(4001)}
    files = [("files", ("good", picture()))]
    files += [("files", (name, data)) for name, data in bad.items()]
    answer = client.post("/v1/images", files=files)
    assert answer.status_code == 207
    good, *others = answer.json()
    assert good["image"]["id"] == f"sha256-{digest(picture())}"
    assert good["error"] is None
    expected = {name: code for name, (_, code) in BAD.items()} | {"long": "upload_too_large"}
    assert {entry["filename"]: entry["error"]["code"] for entry in others} == expected


def test_a_single_bad_file_answers_with_its_own_status(client: httpx.Client) -> None:
    answer = client.post("/v1/images", files={"files": ("a.gif", b"GIF89a")})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_format")


BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\nbytes\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


@pytest.mark.parametrize(
    ("headers", "body", "told"),
    [
        ({"Content-Type": "application/json"}, b"{}", "multipart/form-data"),
        ({"Content-Type": "multipart/form-data"}, PART, "no boundary"),
        (BOUNDARY, b"", "ends too early"),
        (BOUNDARY, PART, "ends too early"),
        (BOUNDARY, b"nonsense", "malformed"),
        (BOUNDARY, b"--b--\r\n", "no file"),
        (BOUNDARY, FIELD + b"b\r\n--b--", "unknown field 'a'"),
        (BOUNDARY, PART.replace(b"files", b"image") + b"--b--", "the part 'image'"),
        (BOUNDARY, b"--b\r\nA: " + b"b" * 100_000 + b"\r\n\r\n", "malformed"),
    ],
)
def test_forms_that_are_none_are_malformed(
    client: httpx.Client, headers: dict[str, str], body: bytes, told: str
) -> None:
    answer = client.post("/v1/images", headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert told in answer.json()["detail"]


def test_a_form_has_a_limit_of_files(client: httpx.Client) -> None:
    part = PART.replace(b"a.jpg", b"")
    answer = client.post("/v1/images", headers=BOUNDARY, content=part * 1001 + b"--b--\r\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "1000 files" in answer.json()["detail"]


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the API keeps what it has not taken yet."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_nothing_of_an_upload_stays_behind(client: httpx.Client, scratch: Path) -> None:
    put(client, picture())
    client.put(f"/v1/images/sha256-{'0' * 64}", content=picture())
    client.post("/v1/images", files=[("files", ("a", picture())), ("files", ("b", b"x"))])
    client.post("/v1/images", headers=BOUNDARY, content=PART)
    assert list(scratch.iterdir()) == []


def test_a_client_that_hangs_up_leaves_nothing_behind(
    client: httpx.Client, scratch: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytes(3000)
    with closing(HTTPConnection(client.base_url.host, client.base_url.port)) as raw:
        raw.putrequest("PUT", f"/v1/images/sha256-{digest(data)}")
        raw.putheader("Content-Length", "3000")
        raw.endheaders(data[:1000])
        wait_until(lambda: list(scratch.iterdir()))
    wait_until(lambda: not list(scratch.iterdir()))
    assert client.get("/healthz").is_success
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_missing_names_what_must_still_travel(client: httpx.Client) -> None:
    put(client, picture(1))
    known, unknown = digest(picture(1)), digest(picture(2))
    answer = client.post("/v1/images/missing", json={"sha256": [known, unknown]})
    assert answer.json() == {"sha256": [unknown]}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"sha256": 1}', b'{"sha256": [], "more": 1}', b"\xff"]
)
def test_missing_refuses_what_is_no_list_of_hashes(client: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/images/missing", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_json_must_be_said_to_be_json(client: httpx.Client) -> None:
    answer = client.post("/v1/images/missing", content=b'{"sha256": []}')
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "application/json" in answer.json()["detail"]


def test_json_has_a_limit_too(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    body = (bytes(2**20) for _ in range(65))
    answer = client.post("/v1/images/missing", headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
