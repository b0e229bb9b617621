"""A catalogue of 100,000 images: any part is one request away, and only what is seen exists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from roadmask.images import Image
from roadmask.settings import Settings
from storage.catalogue_index import CatalogueIndex
from storage.connections import connect_redis
from tests.api.server import ApiServer
from tests.page.browser import Window
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.worker.pictures import png

COUNT = 100_000
SEARCHED_AT_ONCE = 20_000
SCREEN = 60
"""More thumbnails than that are never drawn at a time."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with so many images; all of them have the same bytes."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        settings = Settings(
            redis_url=redis.url,
            data_dir=tmp_path_factory.mktemp("large"),
            secret="signs links in tests",
            public_url=f"http://{HOST}:{free_port()}",
        )
        with ApiServer(settings) as api:
            data = png(1)
            sha256 = hashlib.sha256(data).hexdigest()
            image = httpx.put(f"{api.url}/v1/images/sha256-{sha256}", content=data).json()
            entry = Image(**image | {"dataset": "large", "created_at": datetime.now(UTC)})
            names = (f"large/{n // 1000:02d}/{n:05d}" for n in range(COUNT))
            CatalogueIndex(connect_redis(settings)).add(
                [entry.model_copy(update={"id": name}) for name in names]
            )
            yield api.url


class Picker:
    """The catalogue on the page, and what it asked the service for."""

    def __init__(self, page: Page) -> None:
        self.list = page.get_by_role("listbox")
        self.drawn = self.list.get_by_role("option")
        self.search = page.get_by_label("Search ids")
        self.count = page.locator(".catalogue .note")
        self.lists: list[str] = []
        self.thumbnails: list[str] = []
        page.on("request", lambda request: self._note(request.url))

    def image(self, number: int) -> Locator:
        return self.list.get_by_role("option", name=f"large/{number // 1000:02d}/{number:05d}")

    def forget(self) -> None:
        self.lists.clear()
        self.thumbnails.clear()

    def _note(self, url: str) -> None:
        if "/v1/images?" in url:
            self.lists.append(url)
        elif url.endswith("/thumbnail"):
            self.thumbnails.append(url)


@pytest.fixture
def picker(browser: Browser, large: str) -> Iterator[Picker]:
    window = Window(browser, {})
    picker = Picker(window.page)
    window.page.goto(f"{large}/#/segment?dataset=large")
    expect(picker.image(0)).to_be_visible()
    yield picker
    window.close()
    assert window.complaints == []


def test_the_end_is_one_request_away(picker: Picker) -> None:
    expect(picker.count).to_have_text("100,000 images")
    assert picker.image(0).get_attribute("aria-setsize") == str(COUNT)
    picker.forget()
    picker.list.focus()
    picker.list.press("End")
    expect(picker.image(COUNT - 1)).to_be_in_viewport()
    assert len(picker.lists) == 1
    assert picker.drawn.count() < SCREEN
    assert len(picker.thumbnails) == len(set(picker.thumbnails)) < SCREEN
    picker.list.press("Home")
    expect(picker.image(0)).to_be_in_viewport()
    assert len(picker.lists) == 1


@pytest.mark.parametrize("dataset", ["large", ""])
def test_a_link_to_an_image_in_the_middle_shows_where_it_is(
    browser: Browser, large: str, dataset: str
) -> None:
    window = Window(browser, {})
    picker, middle = Picker(window.page), 56_789
    image = f"large/{middle // 1000:02d}/{middle:05d}"
    window.page.goto(f"{large}/#/segment?image={image}&dataset={dataset}")
    chosen = picker.image(middle)
    expect(chosen).to_be_in_viewport()
    expect(chosen).to_have_attribute("aria-selected", "true")
    assert len(picker.lists) <= 3, "the first page, where it is, and the page that has it"
    window.page.keyboard.press("n")
    expect(picker.image(middle + 1)).to_have_attribute("aria-selected", "true")
    picker.list.evaluate("list => { list.scrollTop = 0; }")
    expect(picker.image(0)).to_be_in_viewport()
    window.close()
    assert window.complaints == []


def test_a_scrollbar_drawn_through_all_of_it_shows_where_it_stops(picker: Picker) -> None:
    picker.list.evaluate(
        """async (list) => {
          for (let step = 0; step <= 40; step += 1) {
            list.scrollTop = (list.scrollHeight * step) / 80;
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    expect(picker.image(COUNT // 2)).to_be_in_viewport()
    expect(picker.list.get_by_role("option", name="…")).to_have_count(0)
    assert picker.drawn.count() < SCREEN


def test_a_search_finds_the_last_and_says_when_there_is_none(picker: Picker) -> None:
    picker.forget()
    picker.search.fill(str(COUNT - 1))
    expect(picker.image(COUNT - 1)).to_be_visible()
    expect(picker.count).to_have_text("1 image")
    picker.search.fill("no such image")
    expect(picker.count).to_contain_text("No image here")
    assert len(picker.lists) <= 2 * (COUNT // SEARCHED_AT_ONCE + 1)
    assert len(picker.thumbnails) == 1
