"""Files that a service lacks: sent in groups, and each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from roadmask import Client
from roadmask.client import image_sender
from roadmask.client.image_sender import ImageSender
from roadmask.errors import QueueFull, RoadmaskError, TooManyRequests
from roadmask.hashing import sha256_of, sha256_of_file
from roadmask.schemas.ids import uploaded_id
from tests.harness.api.server import ApiServer
from tests.harness.client.photo_folders import photo
from tests.harness.client.stub_server import StubResponse, problem, stub_server


class Proxy(httpx.HTTPTransport):
    """Notes the requests on their way, and refuses those with bodies beyond a limit."""

    limit = 2**30

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.method)
        if int(request.headers.get("content-length", 0)) > self.limit:
            return httpx.Response(413, text="<h1>Request Entity Too Large</h1>")
        return super().handle_request(request)


@pytest.fixture
def proxy() -> Proxy:
    return Proxy()


@pytest.fixture
def client(empty_api: ApiServer, proxy: Proxy) -> Iterator[Client]:
    with Client(empty_api.url, patience=5, transport=proxy) as client:
        yield client


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Two and a half groups of photos."""
    paths = [tmp_path / f"{number:02d}.jpg" for number in range(20)]
    for seed, path in enumerate(paths):
        photo(path, seed)
    return {sha256_of_file(path): path for path in paths}


def send(client: Client, files: dict[str, Path]) -> dict[str, str | None]:
    """The code of each file's error, by the file's name; None for a file that was accepted."""
    with closing(ImageSender(client)) as sender:
        outcomes = dict(sender.send(files))
    assert outcomes.keys() == files.keys()
    return {files[sha256].name: error.code if error else None for sha256, error in outcomes.items()}


def test_small_files_share_requests(client: Client, proxy: Proxy, files: dict[str, Path]) -> None:
    assert set(send(client, files).values()) == {None}
    assert proxy.requests == ["POST"] * 3
    assert client.missing(list(files)) == set()
    # The same bytes may have another name in another folder.
    assert {client.image(uploaded_id(sha256)).filename for sha256 in files} == {None}


def test_large_files_go_alone(
    client: Client, proxy: Proxy, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_sender, "GROUP_BYTES", min(p.stat().st_size for p in files.values()))
    assert set(send(client, files).values()) == {None}
    assert proxy.requests == ["PUT"] * len(files)
    assert client.missing(list(files)) == set()


def test_each_file_is_refused_alone(client: Client, files: dict[str, Path], tmp_path: Path) -> None:
    text, changed, gone = (tmp_path / name for name in ("text.jpg", "changed.jpg", "gone.jpg"))
    text.write_bytes(b"no image")
    photo(changed, 99)
    odd = {sha256_of(b"no image"): text, sha256_of(b"before"): changed, sha256_of(b"was"): gone}
    codes = send(client, odd | files)
    assert {name: code for name, code in codes.items() if code} == {
        "text.jpg": "unsupported_format",
        "changed.jpg": "hash_mismatch",
        "gone.jpg": "image_unreadable",
    }
    assert client.missing(list(files)) == set()


def test_a_limit_on_the_way_is_met_once_by_each_thread(
    client: Client, proxy: Proxy, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_sender, "CONCURRENCY", 1)
    proxy.limit = max(path.stat().st_size for path in files.values())
    assert set(send(client, files).values()) == {None}
    assert proxy.requests == ["POST", *["PUT"] * len(files)]


@pytest.mark.parametrize("kind", [QueueFull, TooManyRequests])
def test_the_service_s_own_errors_end_the_sending(
    files: dict[str, Path], kind: type[RoadmaskError]
) -> None:
    full = problem(429, code=kind.code, detail="It is full.")
    with (
        stub_server(full) as stub,
        Client(stub.url, patience=0) as client,
        pytest.raises(kind),
    ):
        send(client, files)


def test_an_answer_for_fewer_files_is_not_taken() -> None:
    stub = stub_server(StubResponse(body=b"[]"))
    with stub as server, Client(server.url) as client, pytest.raises(RoadmaskError) as error:
        client.put_images([b"one", b"two"])
    assert error.value.detail == "The service answered for 0 of 2 files."
