"""An object store of another origin: its images are shown, and the strict policy holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import expect

from roadmask.masks.codec import decode_mask
from roadmask.settings import Settings
from storage.connections import open_store
from tests.harness.api.server import ApiServer
from tests.servers import minio
from tests.servers.moto import moto_server
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.servers.worker import TinyWorker
from tests.web.browser import Contexts, Window
from tests.web.canvas import Picture, wait_for_prediction
from tests.web.catalogue import fill_catalogue, truth


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings for MinIO where its server can be run, else for moto."""
    folder = tmp_path_factory.mktemp("store")
    with ExitStack() as exits:
        redis = exits.enter_context(RedisServer(tmp_path_factory.mktemp("redis")))
        if minio.available():
            endpoint = exits.enter_context(minio.MinioServer(folder)).address
        else:
            endpoint = exits.enter_context(moto_server())
        yield Settings(
            redis_url=redis.url,
            data_dir=folder,
            secret="a secret for tests",
            public_url=f"http://{HOST}:{free_port()}",
            store="minio",
            minio_endpoint=endpoint,
            minio_access_key=minio.ACCESS_KEY,
            minio_secret_key=minio.SECRET_KEY,
        )


def test_images_of_another_origin_are_shown_and_saved(
    contexts: Contexts, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    open_store(settings).check()
    with (
        ApiServer(settings) as api,
        TinyWorker(tmp_path_factory.mktemp("worker"), settings, "slow"),
    ):
        fill_catalogue(api.url, many=3)
        window = Window(contexts, {})
        page = window.page
        requested: set[str] = set()
        page.on("request", lambda request: requested.add(request.url.split("/")[2]))
        page.goto(f"{api.url}/#/segment?image=streets/03&dataset=streets&opacity=100")
        wait_for_prediction(page)
        assert Picture(page, "truth").shows_mask(truth(2))
        stored = httpx.get(f"{api.url}/v1/images/streets/03").json()
        for label, name, url in (
            ("Original image", "03.png", stored["content_url"]),
            ("Annotated mask", "03.truth.png", stored["truth_url"]),
        ):
            page.locator("summary", has_text="Download").click()
            with page.expect_download() as saving:
                page.get_by_role("link", name=label).click()
            assert saving.value.suggested_filename == name
            assert saving.value.path().read_bytes() == httpx.get(url).content
        item = httpx.get(f"{api.url}/v1/jobs").json()["jobs"][0]["urls"]["items"]
        mask = httpx.get(httpx.get(item).json()["items"][0]["result"]["mask_url"]).content
        assert Picture(page, "prediction").shows_mask(decode_mask(mask))
        expect(page.locator(".cell img").first).to_be_visible()
        window.close()
    assert window.console_errors == []
    assert requested - {""} == {api.url.split("/")[2], settings.minio_endpoint}
