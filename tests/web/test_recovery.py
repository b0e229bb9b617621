"""Outages: every view says so, offers to try again, and recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.browser import Contexts, Window
from tests.web.canvas import wait_for_prediction
from tests.web.catalogue import run_job
from tests.web.conftest import Open

VIEWS = {
    "segment": "#/segment?image=streets/03",
    "start": "#/segment",
    "jobs": "#/jobs?new=1",
    "service": "#/service?model=brightness@1",
}


@pytest.fixture
def page(contexts: Contexts, service: str) -> Iterator[Page]:
    """A window that may log failed requests."""
    window = Window(contexts, {})
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


@pytest.fixture(scope="module")
def job(service: str) -> str:
    return run_job(service, {"dataset": "streets", "lane": "batch", "name": "Outage"})


def test_the_service_view_offers_to_try_again(page: Page) -> None:
    cut(page)
    failure = page.locator(".state .failure")
    expect(failure.get_by_role("button", name="Try again")).to_be_visible()
    page.unroute_all()
    expect(page.locator(".state")).to_contain_text("Ready")


def test_the_items_of_a_job_come_when_the_service_is_back(page: Page, job: str) -> None:
    page.route("**/items?*", lambda route: route.abort())
    page.route("**/scores", lambda route: route.abort())
    go(page, f"#/jobs?job={job}")
    expect(page.locator(".items-note .failure")).to_be_visible()
    expect(page.locator(".report .failure")).to_be_visible()
    page.unroute_all()
    expect(page.get_by_role("link", name="streets/01")).to_be_visible()
    expect(page.locator(".confusion")).to_be_visible()
    expect(page.locator(".failure")).to_have_count(0)


def test_the_list_beside_an_item_comes_when_the_service_is_back(page: Page, job: str) -> None:
    page.route(f"**/v1/jobs/{job}", lambda route: route.abort())
    page.route("**/items?*", lambda route: route.abort())
    go(page, f"#/segment?job={job}&item=4&items=worst")
    expect(page.locator(".catalogue .failure")).to_be_visible()
    page.unroute_all()
    expect(page.locator(".strip-row")).not_to_have_count(0)
    expect(page.locator(".catalogue .failure")).to_have_count(0)
    # The place of the item was not found during the outage: a step does not lead to the first one.
    page.get_by_role("button", name="Next image").click()
    expect(page.locator(".walk .place")).to_contain_text("of 11, worst first")


def test_the_gallery_draws_again_what_failed(page: Page, job: str) -> None:
    page.route("**/thumbnail", lambda route: route.abort())
    go(page, f"#/jobs?job={job}&layout=gallery")
    expect(page.locator(".overlay.missing").first).to_be_visible()
    page.unroute_all()
    expect(page.locator(".overlay.missing")).to_have_count(0)


def test_the_menu_of_second_models_comes_when_the_service_is_back(page: Page, job: str) -> None:
    page.route("**/v1/models", lambda route: route.abort())
    go(page, f"#/jobs?job={job}")
    expect(page.get_by_role("link", name="streets/01")).to_be_visible()
    with page.expect_response("**/v1/models"):
        page.unroute_all()


def test_a_proxy_without_its_service_is_an_outage(page: Page) -> None:
    page.route("**/v1/**", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    go(page, "#/segment?image=streets/03")
    failure = page.locator(".failure").first
    expect(failure).to_contain_text("The service does not respond")
    page.unroute_all()
    wait_for_prediction(page)  # without a click


def test_a_view_that_waits_for_the_service_says_so(page: Page) -> None:
    page.route("**/v1/taxonomy", lambda route: None)
    go(page, "#/jobs")
    expect(page.locator("main")).to_contain_text("Waiting for the service…")


def test_an_image_that_waits_for_the_service_says_so_in_the_pane_that_is_shown(page: Page) -> None:
    asked: list[Route] = []
    page.route("**/v1/images/streets/02", lambda route: asked.append(route))
    go(page, "#/segment?image=streets/02&layout=single&layer=image")
    pane = page.locator("[data-pane=image]")
    expect(pane).to_contain_text("Waiting for the service…")
    asked.pop().abort()
    expect(pane.get_by_role("button", name="Try again")).to_be_visible()


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
