"""The API's memory stays small, whatever it draws and for however long."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from redis import Redis

from roadmask.mask_formats import MaskFormat
from roadmask.masks import encode_mask
from roadmask.pixels import encode_jpeg
from roadmask.settings import Settings
from storage.local_store import LocalStore
from storage.objects import mask_keys
from tests.api.fake_worker import FakeWorker
from tests.api.pictures import put
from tests.api.submission import submit
from tests.servers.redis import RedisServer
from tests.servers.service import Api

pytestmark = pytest.mark.timeout(300)

LIMIT_MB = 150
WIDTH, HEIGHT = 2048, 1024
IMAGES = 4


@pytest.fixture
def process(redis_server: RedisServer, redis: Redis, tmp_path: Path) -> Iterator[Api]:
    """The API as a process of its own."""
    env = {
        "ROADMASK_REDIS_URL": redis_server.url,
        "ROADMASK_DATA_DIR": str(tmp_path / "data"),
        "ROADMASK_SECRET": "signs links in tests",
    }
    with Api(tmp_path / "api", env) as api:
        yield api


def resident_mb(api: Api) -> float:
    status = Path(f"/proc/{api.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def large_jpegs() -> Iterator[bytes]:
    """Pictures with something to see everywhere, each another."""
    for seed in range(IMAGES):
        coarse = np.random.default_rng(seed).integers(0, 256, (64, 128, 3), np.uint8)
        yield encode_jpeg(cv2.resize(coarse, (WIDTH, HEIGHT)))


def large_mask() -> bytes:
    blocks = np.random.default_rng(0).integers(1, 8, (16, 32), np.uint8)
    return encode_mask(np.kron(blocks, np.ones((64, 64), np.uint8)))


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
        FakeWorker(redis, store, settings).finish(job_id)
        for index in range(IMAGES):
            key = mask_keys(f"{job_id}-{index}", "artifact", {}).png
            store.put(key, large_mask(), "image/png")
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
