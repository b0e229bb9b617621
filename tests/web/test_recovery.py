"""Outages: every view says so, offers to try again, and recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser import Window
from tests.web.canvas import wait_for_prediction
from tests.web.conftest import Open

VIEWS = {
    "segment": "#/segment?image=streets/03",
    "start": "#/segment",
    "jobs": "#/jobs?new=1",
}


@pytest.fixture
def page(browser: Browser, service: str) -> Iterator[Page]:
    """A window that may log failed requests."""
    window = Window(browser, {})
    window.page.goto(f"{service}/#/service")
    expect(window.page.get_by_role("heading", name="Service", exact=True)).to_be_visible()
    yield window.page
    window.close()


def cut(page: Page) -> None:
    """From now on no request reaches the service."""
    page.route("**/v1/**", lambda route: route.abort())


def go(page: Page, at: str) -> None:
    page.evaluate("at => { location.hash = at; }", at)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_that_opens_during_an_outage_recovers(page: Page, view: str) -> None:
    cut(page)
    go(page, VIEWS[view])
    failure = page.locator(".failure").first
    expect(failure).to_contain_text("The service does not respond")
    expect(failure.get_by_role("button", name="Try again")).to_be_visible()
    page.unroute_all()
    page.evaluate("() => { dispatchEvent(new Event('online')); }")
    expect(page.locator(".failure")).to_have_count(0)


def test_an_image_that_was_clicked_offline_comes_when_the_network_is_back(page: Page) -> None:
    go(page, "#/segment?dataset=streets")
    expect(page.get_by_role("option", name="streets/04")).to_be_visible()
    cut(page)
    page.get_by_role("option", name="streets/04").click()
    expect(page.locator("[data-pane=image] .failure")).to_be_visible()
    page.unroute_all()
    wait_for_prediction(page)  # without a click: it tries again every few seconds


def test_a_search_without_a_hit_differs_from_no_data(window: Open) -> None:
    page = window("#/segment?dataset=streets&q=nowhere")
    expect(page.locator(".catalogue > .note")).to_contain_text("No image matches.")
    page.get_by_role("button", name="Clear the search").click()
    expect(page.get_by_role("option", name="streets/01")).to_be_visible()
    page.get_by_label("Search names").fill("REETS 0*7")
    expect(page.get_by_role("option", name="streets/07")).to_be_visible()


def test_annotated_images_are_found(window: Open) -> None:
    page = window("#/segment?dataset=streets")
    page.get_by_role("combobox", name="Annotated mask").select_option("Not annotated")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option", name="streets/12")).to_be_visible()
    page.get_by_role("combobox", name="Annotated mask").select_option("Annotated")
    expect(page.locator(".catalogue > .note")).to_have_text("11 images")
    assert "truth=true" in page.url
