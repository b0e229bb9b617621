"""The first minute: an empty service shows what it does; a sample is one click from its mask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from roadmask.settings import Settings
from tests.harness.api.server import ApiServer
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer
from tests.web.browser import Contexts, Window, serious
from tests.web.canvas import wait_for_prediction
from tests.web.conftest import Open

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
MASKED = """canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return new Set(data.filter((_, at) => at % 4 === 3)).size;
}"""
"""Number of opacities in the mask: areas and outlines."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service without images and without a worker."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        settings = Settings(
            redis_url=redis.url,
            data_dir=tmp_path_factory.mktemp("empty"),
            secret="a secret for tests",
            public_url=f"http://{HOST}:{free_port()}",
        )
        with ApiServer(settings) as api:
            api.app.state.components.storage.reconciler.run()
            yield api.url


def opened(contexts: Contexts, url: str, **options: object) -> Window:
    window = Window(contexts, dict(options))
    window.page.goto(url)
    expect(window.page.get_by_role("heading", level=1)).to_be_visible()
    return window


def test_an_empty_service_shows_what_it_does(contexts: Contexts, empty: str) -> None:
    window = opened(contexts, empty)
    page = window.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Street photos in, masks out")
    expect(page.get_by_label("Search names")).to_be_hidden()
    hero = page.locator(".hero")
    expect(hero.get_by_role("img")).to_be_visible()
    page.wait_for_timeout(100)
    assert hero.locator("canvas").evaluate(MASKED) == 2
    before = hero.evaluate("hero => hero.style.getPropertyValue('--divider')")
    hero.get_by_role("slider").press("End")
    assert hero.evaluate("hero => hero.style.getPropertyValue('--divider')") == "1" != before
    expect(page.get_by_role("button", name="Choose photos")).to_be_visible()
    assert page.locator("button.primary:visible").count() == 1
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert command == f"roadmask ingest FOLDER --dataset NAME --url {empty}/"
    assert serious(page) == []
    window.close()


def test_a_phone_offers_its_camera(contexts: Contexts, empty: str) -> None:
    window = opened(contexts, empty, **PHONE)
    page = window.page
    button = page.get_by_role("button", name="Take or choose a photo")
    box = button.bounding_box()
    assert box
    assert box["height"] >= 44
    expect(button).to_be_in_viewport()
    assert "image/jpeg" in (page.locator("input[type=file]").first.get_attribute("accept") or "")
    window.close()


def test_a_sample_is_one_click_from_its_mask(window: Open, tmp_path: Path) -> None:
    page = window()
    page.get_by_role("button", name="Dusk").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("dusk.jpg")
    wait_for_prediction(page)
