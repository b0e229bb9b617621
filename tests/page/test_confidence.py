"""Confidence on the page: computed once somebody wants to see it, shown as it is stored."""

from __future__ import annotations

import math

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from roadmask.masks import decode_mask
from tests.page.canvas import Picture, wait_for_prediction
from tests.page.conftest import Open

PICK = "#/segment?image=streets/{}&dataset=streets"
SURE = [(188, 55, 84), (87, 16, 110), (0, 0, 4)]
"""The colours of one half, three quarters, and certainty."""


def jobs_with_confidence(service: str) -> list[str]:
    jobs = httpx.get(f"{service}/v1/jobs", params={"lane": "interactive"}).json()["jobs"]
    return [job["id"] for job in jobs if job["confidence"]]


def wait_for_confidence(page: Page) -> None:
    expect(page.locator("[data-pane=prediction] figcaption")).to_have_text("Confidence")
    expect(page.locator("[data-pane=prediction] .message")).to_be_hidden()


def colour(value: int) -> tuple[int, ...]:
    """The colour of a value above one half, where this model's confidence lies."""
    at = value / 255 * 4 - 2
    low = min(int(at), 1)
    pairs = zip(SURE[low], SURE[low + 1], strict=True)
    return tuple(math.floor(a + (b - a) * (at - low) + 0.5) for a, b in pairs)


def test_it_is_computed_when_it_is_wanted_and_shown_as_it_is(window: Open, service: str) -> None:
    before = len(jobs_with_confidence(service))
    page = window(PICK.format("07"))
    wait_for_prediction(page)
    expect(page.locator(".scale")).to_be_hidden()
    page.locator("summary", has_text="Download").click()
    expect(page.get_by_role("link", name="Mask: category indices")).to_be_visible()
    expect(page.get_by_role("link", name="Confidence of the model")).to_have_count(0)
    assert len(jobs_with_confidence(service)) == before, "nobody has asked yet"
    page.get_by_role("button", name="Confidence").click()
    wait_for_confidence(page)
    [job_id, *_] = jobs_with_confidence(service)
    answer = httpx.get(f"{service}/v1/jobs/{job_id}/items/0/mask?format=confidence")
    stored = decode_mask(answer.content)
    shown = Picture(page, "prediction")
    for x, y in [(0, 0), (20, 11), (47, 31), (30, 5)]:
        assert shown.at(x, y) == colour(int(stored[y, x]))
    shown.point(20, 11)
    expect(page.locator(".readout")).to_contain_text(f"Confidence: {stored[11, 20] / 255:.1%}")
    mean = stored.mean() / 255
    expect(page.locator(".scale [role=status]")).to_contain_text(f"Average {mean:.1%}")
    with page.expect_download() as saving:
        page.locator("summary", has_text="Download").click()
        page.get_by_role("link", name="Confidence of the model").click()
    assert saving.value.suggested_filename == "07.confidence.png"
    assert saving.value.path().read_bytes() == answer.content


def test_a_link_reopens_it_and_the_key_toggles_it(window: Open, service: str) -> None:
    page = window(PICK.format("08") + "&show=confidence")
    wait_for_confidence(page)
    expect(page.locator(".scale")).to_be_visible()
    assert page.get_by_role("img", name="Colours of the confidence").is_visible()
    found = Axe().run(page)
    grave = [
        v["id"] for v in found.response["violations"] if v["impact"] in ("serious", "critical")
    ]
    assert grave == []
    page.keyboard.press("c")
    expect(page.locator("[data-pane=prediction] figcaption")).to_have_text("Predicted mask")
    expect(page.locator(".scale")).to_be_hidden()
    asked = len(jobs_with_confidence(service))
    page.keyboard.press("c")
    wait_for_confidence(page)
    assert len(jobs_with_confidence(service)) == asked, "what is here is not asked for again"


def test_it_is_had_for_an_item_of_an_older_job(window: Open, service: str) -> None:
    told = {"images": [{"id": "streets/12"}], "lane": "interactive"}
    job = httpx.post(f"{service}/v1/jobs", json=told).json()["id"]
    page = window(f"#/segment?job={job}&item=0")
    wait_for_prediction(page)
    expect(page.get_by_role("button", name="Difference")).to_be_hidden()
    page.get_by_role("button", name="Confidence").click()
    wait_for_confidence(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_said_meanwhile_can_be_read_over_any_photo(window: Open, scheme: str) -> None:
    page = window(PICK.format("09"), color_scheme=scheme)
    wait_for_prediction(page)
    page.route("**/v1/jobs", lambda _: None)  # an answer that never comes
    page.get_by_role("button", name="Confidence").click()
    message = page.locator("[data-pane=prediction] .message")
    expect(message).to_have_text("Asking how sure the model is…")
    ground = message.evaluate("element => getComputedStyle(element).backgroundColor")
    assert float(ground.rstrip(")").partition("/")[2]) >= 0.85
    page.get_by_role("button", name="Prediction").click()
    expect(message).to_be_hidden()


def test_a_batch_can_ask_for_it(window: Open, service: str) -> None:
    page = window("#/jobs?new=1")
    page.get_by_label("Dataset").select_option("streets")
    page.get_by_label("how sure the model is").check()
    page.get_by_role("button", name="Start").click()
    page.locator("summary", has_text="Export").click()
    expect(page.get_by_role("link", name="Confidence of the model")).to_be_visible()
    newest = httpx.get(f"{service}/v1/jobs?lane=batch").json()["jobs"][0]
    assert newest["confidence"]
