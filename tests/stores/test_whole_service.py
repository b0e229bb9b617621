"""A folder through the API and a worker, on the store and the Redis that `tests.stores` names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from roadmask import Client
from roadmask.settings import Settings
from tests.harness.api.server import ApiServer
from tests.harness.client.photo_folders import photo, run, tree
from tests.harness.storage.object_stores import S3, STORES, s3_server
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.servers.worker import TinyWorker

__all__ = ["s3_server"]
PHOTOS = 8

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(params=STORES)
def service(
    request: pytest.FixtureRequest, s3_server: Callable[[str], S3], tmp_path: Path
) -> Iterator[ApiServer]:
    own = {"data_dir": tmp_path / "data", "public_url": f"http://{HOST}:{free_port()}"}
    with RedisServer(tmp_path / "redis") as redis:
        if request.param == "local":
            settings = Settings(redis_url=redis.url, secret="signs links in tests", **own)  # type: ignore[arg-type]
        else:
            s3 = s3_server(request.param).settings(redis_url=redis.url)
            settings = s3.model_copy(update=own)
        with ApiServer(settings) as api, TinyWorker(tmp_path / "worker", settings):
            yield api


def test_a_folder_is_segmented_and_fetched_by_its_links(service: ApiServer, tmp_path: Path) -> None:
    for number in range(PHOTOS):
        photo(tmp_path / f"photos/drive/{number}.png", number)
    with Client(service.url) as client:
        for masks in ("first", "again"):
            progress = run(client, tmp_path / "photos", tmp_path / masks)
            assert (progress.done, progress.failed) == (PHOTOS, 0)
            assert len(tree(tmp_path / masks)) == PHOTOS
        job = client.submit(files=[tmp_path / "photos/drive/0.png"])
        client.wait(job, 60)
        item = next(client.results(job))
        assert item.result is not None
        answer = httpx.get(str(item.result.mask_url))
        assert answer.headers["Content-Type"] == "image/png"
        assert client.mask(item).shape
