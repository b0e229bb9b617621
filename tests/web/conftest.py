"""A real browser, and a real service with a catalogue: API, worker, Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from roadmask.settings import Settings
from tests.harness.api.server import ApiServer
from tests.harness.waiting import PATIENCE_S
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.servers.worker import TinyWorker
from tests.web.browser import FLAGS, Contexts, Window, find_chromium
from tests.web.catalogue import fill_catalogue

Open = Callable[..., Page]
expect.set_options(timeout=1000 * PATIENCE_S)


@pytest.fixture(scope="package")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        data_dir=tmp_path_factory.mktemp("page"),
        secret="a secret for tests",
        public_url=f"http://{HOST}:{free_port()}",
        reconcile_s=0.3,
    )


@pytest.fixture(scope="package")
def servers(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ApiServer, TinyWorker]]:
    """A service with images, and its worker. No other test empties their Redis."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        settings = settings.model_copy(update={"redis_url": redis.url})
        with (
            ApiServer(settings) as api,
            TinyWorker(tmp_path_factory.mktemp("worker"), settings, "slow") as worker,
        ):
            fill_catalogue(api.url)
            yield api, worker


@pytest.fixture(scope="package")
def service(servers: tuple[ApiServer, TinyWorker]) -> str:
    """The URL of the service."""
    return servers[0].url


@pytest.fixture(scope="package")
def worker(servers: tuple[ApiServer, TinyWorker]) -> TinyWorker:
    return servers[1]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, closed after this folder: while it is open, `asyncio.run` is forbidden."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> Contexts:
    return Contexts(browser)


@pytest.fixture
def window(contexts: Contexts, service: str) -> Iterator[Open]:
    """Opens the page in a new window. Fails if any window logged an error or left the host."""
    windows: list[Window] = []

    def open_page(at: str = "", **options: object) -> Page:
        made = Window(contexts, options)
        windows.append(made)
        made.page.goto(f"{service}/{at}")
        return made.page

    yield open_page
    for each in windows:
        each.close()
    console_errors = [error for each in windows for error in each.console_errors]
    assert console_errors == []
    assert {origin for each in windows for origin in each.origins} <= {service}
