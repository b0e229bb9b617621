"""A real browser before a real service: API, worker, Redis, and a catalogue to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from roadmask.settings import Settings
from tests.api.server import ApiServer
from tests.page.browser import Window, find_chromium
from tests.page.catalogue import fill_catalogue
from tests.page.worker import SlowWorker
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer

Open = Callable[..., Page]
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data_dir=tmp_path_factory.mktemp("page"),
        secret="signs links in tests",
        public_url=f"http://{HOST}:{free_port()}",
        reconcile_s=0.3,
    )


@pytest.fixture(scope="session")
def service(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with images, on a Redis that no other test empties."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        settings = settings.model_copy(update={"redis_url": redis.url})
        with (
            ApiServer(settings) as api,
            SlowWorker(tmp_path_factory.mktemp("worker"), settings),
        ):
            fill_catalogue(api.url)
            yield api.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def window(browser: Browser, service: str) -> Iterator[Open]:
    """Open the page in a window of its own; at the end none may have had an error."""
    windows: list[Window] = []

    def open_page(at: str = "", **options: object) -> Page:
        made = Window(browser, options)
        windows.append(made)
        made.page.goto(f"{service}/{at}")
        return made.page

    yield open_page
    for each in windows:
        each.close()
    complaints = [complaint for each in windows for complaint in each.complaints]
    assert complaints == []
    assert {host for each in windows for host in each.hosts} <= {service}
