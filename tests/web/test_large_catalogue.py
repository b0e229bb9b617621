"""A catalogue of 100,000 images: any page is one request away, and only visible cells exist."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from roadmask.schemas.images import Image
from roadmask.settings import Settings
from storage.access.ownership import Ownership
from storage.catalogue.index import CatalogueIndex
from storage.connections import connect_redis, open_store
from tests.harness.api.server import ApiServer
from tests.harness.images.worker_images import png
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.web.browser import Contexts, Window

COUNT = 100_000
SEARCHED_PER_REQUEST = 20_000
MAX_CELLS = 60
"""Cells in the document at any time."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service with `COUNT` images, all of the same bytes."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        settings = Settings(
            redis_url=redis.url,
            data_dir=tmp_path_factory.mktemp("large"),
            secret="a secret for tests",
            public_url=f"http://{HOST}:{free_port()}",
        )
        with ApiServer(settings) as api:
            data = png(1)
            sha256 = hashlib.sha256(data).hexdigest()
            image = httpx.put(f"{api.url}/v1/images/sha256-{sha256}", content=data).json()
            entry = Image(**image | {"dataset": "large", "created_at": datetime.now(UTC)})
            names = (f"large/{n // 1000:02d}/{n:05d}" for n in range(COUNT))
            records = connect_redis(settings)
            ownership = Ownership(records, open_store(settings))
            CatalogueIndex(records, ownership).add(
                [entry.model_copy(update={"id": name}) for name in names]
            )
            yield api.url


class CatalogueProbe:
    """The catalogue on the page, and its requests."""

    def __init__(self, page: Page) -> None:
        self.list = page.get_by_role("listbox")
        self.drawn = self.list.get_by_role("option")
        self.search = page.get_by_label("Search names")
        self.count = page.locator(".catalogue > .note")
        self.lists: list[str] = []
        self.thumbnails: list[str] = []
        page.on("request", lambda request: self._record(request.url))

    def image(self, number: int) -> Locator:
        return self.list.get_by_role("option", name=f"large/{number // 1000:02d}/{number:05d}")

    def clear(self) -> None:
        self.lists.clear()
        self.thumbnails.clear()

    def _record(self, url: str) -> None:
        if "/v1/images?" in url:
            self.lists.append(url)
        elif url.endswith("/thumbnail"):
            self.thumbnails.append(url)


@pytest.fixture
def probe(contexts: Contexts, large: str) -> Iterator[CatalogueProbe]:
    window = Window(contexts, {})
    probe = CatalogueProbe(window.page)
    window.page.goto(f"{large}/#/segment?dataset=large")
    expect(probe.image(0)).to_be_visible()
    yield probe
    window.close()
    assert window.console_errors == []


def test_the_end_is_one_request_away(probe: CatalogueProbe) -> None:
    expect(probe.count).to_have_text("100,000 images")
    assert probe.image(0).get_attribute("aria-setsize") == str(COUNT)
    probe.clear()
    probe.list.focus()
    probe.list.press("End")
    expect(probe.image(COUNT - 1)).to_be_in_viewport()
    assert len(probe.lists) == 1
    assert probe.drawn.count() < MAX_CELLS
    assert len(probe.thumbnails) == len(set(probe.thumbnails)) < MAX_CELLS
    probe.list.press("Home")
    expect(probe.image(0)).to_be_in_viewport()
    assert len(probe.lists) == 1


@pytest.mark.parametrize("dataset", ["large", ""])
def test_a_link_to_an_image_scrolls_the_catalogue_to_it(
    contexts: Contexts, large: str, dataset: str
) -> None:
    window = Window(contexts, {})
    probe, middle = CatalogueProbe(window.page), 56_789
    image = f"large/{middle // 1000:02d}/{middle:05d}"
    window.page.goto(f"{large}/#/segment?image={image}&dataset={dataset}")
    chosen = probe.image(middle)
    expect(chosen).to_be_in_viewport()
    expect(chosen).to_have_attribute("aria-selected", "true")
    assert len(probe.lists) <= 3, "the first page, the position, and the page that has it"
    window.page.keyboard.press("n")
    expect(probe.image(middle + 1)).to_have_attribute("aria-selected", "true")
    probe.list.evaluate("list => { list.scrollTop = 0; }")
    expect(probe.image(0)).to_be_in_viewport()
    window.close()
    assert window.console_errors == []


def test_scrolling_quickly_shows_the_images_where_it_stops(probe: CatalogueProbe) -> None:
    probe.list.evaluate(
        """async (list) => {
          for (let step = 0; step <= 40; step += 1) {
            list.scrollTop = (list.scrollHeight * step) / 80;
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    expect(probe.image(COUNT // 2)).to_be_in_viewport()
    expect(probe.list.get_by_role("option", name="…")).to_have_count(0)
    assert probe.drawn.count() < MAX_CELLS


def test_a_search_finds_the_last_image_or_says_that_none_matches(probe: CatalogueProbe) -> None:
    probe.clear()
    probe.search.fill(str(COUNT - 1))
    expect(probe.image(COUNT - 1)).to_be_visible()
    expect(probe.count).to_have_text("1 image")
    probe.search.fill("no such image")
    expect(probe.count).to_contain_text("No image matches")
    assert len(probe.lists) <= 2 * (COUNT // SEARCHED_PER_REQUEST + 1)
    assert len(probe.thumbnails) == 1
