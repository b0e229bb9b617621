"""The API's memory stays small, whatever it draws and for however long."""

from __future__ import annotations

import io
import itertools
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from redis import Redis

from api.bodies.limits import MAX_JSON_OBJECTS, MAX_JSON_VALUES
from roadmask.images.decoding import encode_jpeg
from roadmask.schemas.mask_formats import MaskFormat
from roadmask.settings import Settings
from storage.objects.local import LocalStore
from tests.harness.api.submission import submit
from tests.harness.images.api_images import picture, put
from tests.harness.worker.fake_worker import FakeWorker
from tests.servers.redis import RedisServer
from tests.servers.service import Api

pytestmark = pytest.mark.timeout(300)

LIMIT_MB = 150
WIDTH, HEIGHT = 2048, 1024
IMAGES = 4
STREAMS, STREAM_KB = 300, 33
"""A stream takes 24 kB, and 47 kB with the frames of its request."""
BODIES = {
    "/v1/jobs": b'{"images": [%s]}',
    "/v1/datasets/a/images": b"[%s]",
    "/v1/images/missing": b'{"sha256": [%s]}',
    "/label-studio/predict": b'{"tasks": [%s]}',
}
VALUES = (b"{}", b'{"a":0}', b"[]", b"0", b'{"id":"a"}')
"""What the lists in those bodies hold, as often as may be."""


@pytest.fixture
def process(redis_server: RedisServer, redis: Redis, tmp_path: Path) -> Iterator[Api]:
    """The API as a process of its own."""
    env = {
        "ROADMASK_REDIS_URL": redis_server.url,
        "ROADMASK_DATA_DIR": str(tmp_path / "data"),
        "ROADMASK_SECRET": "signs links in tests",
        # The limit of another process, which the API must not take for its own.
        "OPENCV_IO_MAX_IMAGE_PIXELS": "1000",
    }
    with Api(tmp_path / "api", env) as api:
        yield api


def resident_mb(api: Api, entry: str = "VmRSS") -> float:
    status = Path(f"/proc/{api.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(entry)) / 1024


def large_jpegs() -> Iterator[bytes]:
    """Pictures with something to see everywhere, each another."""
    for seed in range(IMAGES):
        coarse = np.random.default_rng(seed).integers(0, 256, (64, 128, 3), np.uint8)
        yield encode_jpeg(cv2.resize(coarse, (WIDTH, HEIGHT)))


def large_mask() -> NDArray[np.uint8]:
    blocks = np.random.default_rng(0).integers(1, 8, (16, 32), np.uint8)
    return np.kron(blocks, np.ones((64, 64), np.uint8))


def test_memory_is_small_and_flat_after_many_pictures(
    process: Api, redis_server: RedisServer, redis: Redis, tmp_path: Path
) -> None:
    settings = Settings(
        redis_url=redis_server.url, data_dir=tmp_path / "data", secret="signs links in tests"
    )
    store = LocalStore(settings.objects_dir, process.url, "signs links in tests")
    with httpx.Client(base_url=process.url, timeout=60, follow_redirects=True) as client:
        images = [put(client, data) for data in large_jpegs()]
        job_id = submit(client, images)
        FakeWorker(redis, store, settings, large_mask()).finish(job_id)
        thumbnails = [f"/v1/images/{image}/thumbnail" for image in images]
        masks = [
            f"/v1/jobs/{job_id}/items/{index}/mask?format={form}"
            for index, form in itertools.product(range(IMAGES), MaskFormat)
            if form != MaskFormat.CONFIDENCE
        ]

        def fetch(address: str) -> None:
            answer = client.get(address)
            assert answer.is_success, (address, answer.text)

        def fetch_all() -> float:
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(fetch, thumbnails + masks))
            return resident_mb(process)

        start = resident_mb(process)
        first = fetch_all()
        second = fetch_all()
    assert max(first, second) < LIMIT_MB, (start, first, second)
    assert second - first < 10, (start, first, second)


def test_memory_is_small_at_the_limit_of_values(process: Api) -> None:
    headers = {"Content-Type": "application/json"}
    with httpx.Client(base_url=process.url, timeout=60) as client:
        for (path, template), value in itertools.product(BODIES.items(), VALUES):
            values, objects = 1 + sum(map(value.count, (b",", b"[", b"{"))), value.count(b"{")
            count = (MAX_JSON_OBJECTS // objects if objects else MAX_JSON_VALUES // values) - 2
            body = template % b",".join([value] * count)
            answer = client.post(path, content=body, headers=headers)
            assert answer.is_client_error, (path, value, answer.text)
            highest = resident_mb(process, "VmHWM")
            assert highest < LIMIT_MB, (path, value, highest)


def test_refused_forms_are_not_kept(process: Api) -> None:
    form = b"--b\r\n" + b"A: b\r\n" * 200_000
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with httpx.Client(base_url=process.url, timeout=60) as client:
        for _ in range(100):
            assert client.post("/v1/jobs", content=form, headers=headers).status_code == 422
    assert resident_mb(process, "VmHWM") < LIMIT_MB


def test_an_event_stream_is_small(process: Api) -> None:
    where = urlsplit(process.url)
    with httpx.Client(base_url=process.url, timeout=60) as client, ExitStack() as exits:
        job_id = submit(client, [put(client, picture())])
        request = f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n"

        def follow(streams: int) -> float:
            for _ in range(streams):
                connection = socket.create_connection((where.hostname, where.port), timeout=60)
                exits.enter_context(connection)
                connection.sendall(request.encode())
                assert connection.recv(2**16).startswith(b"HTTP/1.1 200 ")
            return resident_mb(process)

        few, many = follow(50), follow(STREAMS)
    assert (many - few) * 1024 / STREAMS < STREAM_KB


def test_pictures_of_49_megapixels_are_drawn_elsewhere(process: Api) -> None:
    picture = Image.new("RGB", (7000, 7000), (120, 130, 140))
    with httpx.Client(base_url=process.url, timeout=120) as client, ThreadPoolExecutor(2) as pool:
        # What compresses least takes least to make.
        for kind, options in (("PNG", {"compress_level": 1}), ("WEBP", {"method": 0})):
            buffer = io.BytesIO()
            picture.save(buffer, kind, **options)
            image_id = put(client, buffer.getvalue())
            answers = list(pool.map(client.get, [f"/v1/images/{image_id}/thumbnail"] * 2))
            assert [answer.status_code for answer in answers] == [307] * 2, (kind, answers[0].text)
            highest = resident_mb(process, "VmHWM")
            assert highest < LIMIT_MB, (kind, highest)
