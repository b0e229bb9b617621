"""Confidence on the page: computed when it is selected, shown as it is stored."""

from __future__ import annotations

import math
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Response, Route, expect

from roadmask.masks.codec import decode_mask
from tests.web.browser import serious
from tests.web.canvas import Picture, wait_for_prediction
from tests.web.catalogue import run_job
from tests.web.conftest import Open

PICK = "#/segment?image=streets/{}&dataset=streets&opacity=100"
COLOR_STOPS = [(188, 55, 84), (87, 16, 110), (0, 0, 4)]
"""The colours at probability 0.5, 0.75 and 1."""


def jobs_with_confidence(page: Page) -> list[str]:
    """The ids of the jobs that this page will create: another's may still be on its way."""
    made: list[str] = []

    def note(response: Response) -> None:
        if response.request.method == "POST" and response.url.partition("?")[0].endswith(
            "/v1/jobs"
        ):
            job = response.json()
            made.extend([job["id"]] if job["confidence"] else [])

    page.on("response", note)
    return made


def wait_for_confidence(page: Page) -> None:
    expect(page.locator("[data-pane=prediction] figcaption")).to_have_text("Confidence")
    expect(page.locator("[data-pane=prediction] .message")).to_be_hidden()


def colour(value: int) -> tuple[int, ...]:
    """The colour of a value above 127, where the confidence of the tests' model lies."""
    at = value / 255 * 4 - 2
    low = min(int(at), 1)
    pairs = zip(COLOR_STOPS[low], COLOR_STOPS[low + 1], strict=True)
    return tuple(math.floor(a + (b - a) * (at - low) + 0.5) for a, b in pairs)


def test_confidence_is_computed_when_selected(window: Open, service: str) -> None:
    page = window()
    made = jobs_with_confidence(page)
    page.goto(f"{service}/{PICK.format('07')}")
    wait_for_prediction(page)
    expect(page.locator(".confidence-legend")).to_be_hidden()
    page.locator("summary", has_text="Download").click()
    expect(page.get_by_role("link", name="Category indices")).to_be_visible()
    expect(page.get_by_role("link", name="Confidence (grey PNG)")).to_have_count(0)
    assert made == [], "no confidence was requested yet"
    page.get_by_role("button", name="Confidence").click()
    wait_for_confidence(page)
    [job_id] = made
    answer = httpx.get(f"{service}/v1/jobs/{job_id}/items/0/mask?format=confidence")
    stored = decode_mask(answer.content)
    shown = Picture(page, "prediction")
    for x, y in [(0, 0), (20, 11), (47, 31), (30, 5)]:
        assert shown.at(x, y) == colour(int(stored[y, x]))
    shown.point(20, 11)
    expect(page.locator(".pixel-info")).to_contain_text(f"Confidence: {stored[11, 20] / 255:.1%}")
    mean = stored.mean() / 255
    expect(page.locator(".confidence-legend [role=status]")).to_contain_text(f"Mean {mean:.1%}")
    with page.expect_download() as saving:
        page.locator("summary", has_text="Download").click()
        page.get_by_role("link", name="Confidence (grey PNG)").click()
    assert saving.value.suggested_filename == "07.confidence.png"
    assert saving.value.path().read_bytes() == answer.content


def test_a_link_reopens_confidence_and_a_key_toggles_it(window: Open) -> None:
    page = window(PICK.format("08") + "&show=confidence")
    wait_for_confidence(page)
    expect(page.locator(".confidence-legend")).to_be_visible()
    assert page.get_by_role("img", name="Colour scale of the confidence").is_visible()
    assert serious(page) == []
    page.keyboard.press("c")
    expect(page.locator("[data-pane=prediction] figcaption")).to_have_text("Predicted mask")
    expect(page.locator(".confidence-legend")).to_be_hidden()
    made = jobs_with_confidence(page)
    page.keyboard.press("c")
    wait_for_confidence(page)
    assert made == [], "loaded confidence is not requested again"


def test_an_item_of_a_job_without_confidence_gets_it(window: Open, service: str) -> None:
    body = {"images": [{"id": "streets/12"}], "lane": "interactive"}
    job = httpx.post(f"{service}/v1/jobs", json=body).json()["id"]
    page = window(f"#/segment?job={job}&item=0")
    wait_for_prediction(page)
    expect(page.get_by_role("button", name="Difference")).to_be_hidden()
    page.get_by_role("button", name="Confidence").click()
    wait_for_confidence(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_message_is_readable_over_any_photo(window: Open, scheme: str) -> None:
    page = window(PICK.format("09"), color_scheme=scheme)
    wait_for_prediction(page)
    page.route("**/v1/jobs", lambda _: None)  # never answered
    page.get_by_role("button", name="Confidence").click()
    message = page.locator("[data-pane=prediction] .message")
    expect(message).to_have_text("Computing the confidence…")
    background = message.evaluate("element => getComputedStyle(element).backgroundColor")
    assert float(background.rstrip(")").partition("/")[2]) >= 0.85
    page.get_by_role("button", name="Prediction").click()
    expect(message).to_be_hidden()


def test_a_batch_can_request_confidence(window: Open, service: str) -> None:
    page = window("#/jobs?new=1")
    page.get_by_label("Dataset").select_option("streets")
    page.get_by_label("confidence of each pixel").check()
    page.get_by_role("button", name="Start").click()
    page.locator("summary", has_text="Export").click()
    expect(page.get_by_role("link", name="Confidence (grey PNG)")).to_be_visible()
    newest = httpx.get(f"{service}/v1/jobs?lane=batch").json()["jobs"][0]
    assert newest["confidence"]


def test_confidence_is_computed_in_the_quality_of_the_mask(window: Open, service: str) -> None:
    """The tests' model has one quality, so the page is told another, and the service is not."""
    job = run_job(service, {"images": [{"id": "streets/09"}], "lane": "batch"})

    def as_best(route: Route) -> None:
        item = route.fetch().json()
        item["result"]["quality"] = "best"
        route.fulfill(json=item)

    asked: list[dict[str, Any]] = []

    def note(route: Route) -> None:
        asked.append(route.request.post_data_json or {})
        route.continue_(post_data={**asked[-1], "quality": "standard"})

    page = window()
    page.route(f"**/v1/jobs/{job}/items/0", as_best)
    page.route(re.compile(r"/v1/jobs$"), note)
    page.goto(f"{service}/#/segment?job={job}&item=0")
    wait_for_prediction(page)
    page.get_by_role("button", name="Confidence").click()
    wait_for_confidence(page)
    assert [each["quality"] for each in asked] == ["best"]
