"""The page and clients below a path of a proxy with TLS, as `https://host/seg/`."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest
from playwright.sync_api import expect
from redis import Redis

from roadmask import Client
from roadmask.settings import Settings
from storage.connections import connect_redis, open_store
from tests.harness.api.server import ApiServer
from tests.harness.images.api_images import picture
from tests.harness.worker.fake_worker import FakeWorker
from tests.servers.process import HOST, free_port
from tests.servers.proxies import PROXIES
from tests.servers.proxies.proxy import PATH, Proxy
from tests.servers.redis import RedisServer
from tests.web.browser import Contexts, Window

Served = tuple[Proxy, FakeWorker]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="module", params=PROXIES)
def served(
    request: pytest.FixtureRequest, redis: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Each proxy in front of an API whose jobs the tests work on."""
    folder = tmp_path_factory.mktemp(request.param)
    proxy = PROXIES[request.param](folder / "proxy", f"{HOST}:{free_port()}")
    settings = Settings(
        data_dir=folder / "data",
        secret="a secret for tests",
        redis_url=redis,
        public_url=proxy.url,
        reconcile_s=0.3,
    )
    with Redis.from_url(redis) as server:
        server.flushall()
    with ApiServer(settings, f"http://{proxy.target}") as api, proxy:
        # The records are known to be complete.
        api.app.state.components.storage.reconciler.run()
        with connect_redis(settings) as client:
            yield proxy, FakeWorker(client, open_store(settings), settings)


@pytest.fixture(autouse=True)
def own_authority(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients trust the certificate of the proxy, as users say it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(served[0].authority.file))


def test_links_and_addresses_lead_below_the_path(served: Served) -> None:
    proxy, worker = served
    with Client(proxy.url) as client:
        job = client.submit(files=[picture(1)])
        worker.finish(job.id)
        item = next(client.results(job))
        assert client.mask(item).shape
        assert item.result is not None
        assert str(item.result.mask_url).startswith(f"{proxy.url}/v1/objects/")
        assert httpx.get(str(item.result.mask_url)).headers["Content-Type"] == "image/png"
    document = httpx.get(f"{proxy.url}/openapi.json").json()
    assert document["servers"] == [{"url": PATH}]


def test_redirects_lead_below_the_path(served: Served) -> None:
    proxy, _ = served
    with Client(proxy.url) as client:
        image = client.upload(picture(2))
    again = httpx.get(f"{proxy.url}/v1/images/{image.id}/content", follow_redirects=True)
    assert again.content == picture(2)
    accepted = httpx.post(f"{proxy.url}/v1/jobs", json={"images": [{"id": image.id}]})
    found = httpx.get(urljoin(str(accepted.request.url), accepted.headers["Location"]))
    assert found.json()["id"] == accepted.json()["id"]
    bare = httpx.get(proxy.url)
    assert urljoin(proxy.url, bare.headers["Location"]) == f"{proxy.url}/"
    assert httpx.get(f"https://{proxy.address}/healthz").status_code == 404


def test_events_arrive_one_by_one(served: Served) -> None:
    """The next image ends only when the event of the last one is here: a buffer would hold both."""
    proxy, worker = served
    with Client(proxy.url) as client:
        job = client.submit(files=[picture(3), picture(4), picture(5)])
    ended = 0
    address = f"{proxy.url}/v1/jobs/{job.id}/events"
    with httpx.stream("GET", address, timeout=20) as stream:
        worker.succeed(job.id, 0)
        for line in stream.iter_lines():
            if not line.startswith("data:"):
                continue
            event = json.loads(line.removeprefix("data:"))
            if event.get("index") == ended and ended < 2:
                ended += 1
                worker.succeed(job.id, ended)
    assert ended == 2


def test_the_largest_upload_passes(served: Served) -> None:
    proxy, _ = served
    largest = Settings().max_upload_bytes
    with Client(proxy.url) as client:
        image = client.upload(bitmap(largest))
        assert image.bytes == largest
    refused = httpx.put(f"{proxy.url}/v1/images/sha256-{'0' * 64}", content=bytes(largest + 1))
    assert refused.status_code == 413


def test_the_page_and_the_documentation_load(served: Served, contexts: Contexts) -> None:
    proxy, _ = served
    window = Window(contexts, {"ignore_https_errors": True})
    window.page.goto(f"{proxy.url}/")
    expect(window.page.get_by_role("button", name="Choose photos")).to_be_visible()
    window.page.goto(f"{proxy.url}/docs")
    expect(
        window.page.get_by_text("Submit a job").or_(window.page.locator(".opblock")).first
    ).to_be_visible()
    window.close()
    assert window.console_errors == []


def bitmap(size: int) -> bytes:
    """A BMP of exactly `size` bytes: padding stands between its header and its pixels."""
    width, height = 4096, 5000
    pixels = 3 * width * height
    start = size - pixels
    header = struct.pack("<2sIHHI", b"BM", size, 0, 0, start)
    facts = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, pixels, 2835, 2835, 0, 0)
    return (header + facts).ljust(start, b"\0") + bytes(pixels)
