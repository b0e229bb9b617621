"""The gallery of a job: masks over photos, only those in view; a selection becomes a batch."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.catalogue import run_job
from tests.web.conftest import Open

COLOURED = """canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Set();
  for (let at = 0; at < data.length; at += 4) pixels.add(data.slice(at, at + 3).join());
  return pixels.size;
}"""


@pytest.fixture(scope="module")
def many(service: str) -> str:
    """A finished job on 60 images."""
    images = [{"id": f"many/{n:03d}"} for n in range(60)]
    body = {"images": images, "lane": "batch", "name": "Drive: 5/7"}
    return run_job(service, body)


def test_only_the_pictures_in_view_exist(window: Open, many: str) -> None:
    page = window(f"#/jobs?job={many}&layout=gallery")
    cells = page.locator(".gallery-cell")
    expect(cells.first.locator("canvas")).to_have_attribute("width", "48")
    assert cells.first.locator("canvas").evaluate(COLOURED) > 2
    assert cells.count() < 60
    few = cells.count()
    page.get_by_label("Size").fill("96")
    expect(cells.nth(few)).to_be_attached()
    page.get_by_role("button", name="List", exact=True).click()
    expect(page.locator(".items .item-row").nth(1)).to_be_visible()
    expect(cells.first).to_be_hidden()


def test_a_selection_becomes_a_batch(window: Open, service: str, many: str) -> None:
    page = window(f"#/jobs?job={many}&layout=gallery")
    boxes = page.locator(".gallery-cell input")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator(".selection [role=status]")).to_have_text("4 selected")
    page.get_by_role("button", name="New batch of these").click()
    page.wait_for_url(lambda url: "job=" in url and many not in url)
    expect(page.locator("[data-figure=done]")).to_have_text("4 / 4")
    job = page.url.partition("job=")[2]
    items = httpx.get(f"{service}/v1/jobs/{job}/items").json()["items"]
    assert [item["image_id"] for item in items] == [f"many/{n:03d}" for n in range(1, 5)]


def test_all_that_match_are_selected(window: Open, many: str) -> None:
    page = window(f"#/jobs?job={many}&layout=gallery&find=many/01")
    expect(page.locator(".items-note:visible")).to_have_text("10 images")
    page.get_by_role("button", name="Select all").click()
    expect(page.locator(".selection [role=status]")).to_have_text("10 selected")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator(".selection")).to_be_hidden()


def test_a_range_has_the_images_that_were_never_in_view(window: Open, service: str) -> None:
    job = run_job(service, {"dataset": "many", "lane": "batch"})
    page = window(f"#/jobs?job={job}&layout=gallery")
    page.locator(".gallery-cell input").first.click()
    with page.expect_response(re.compile("cursor=200")):
        page.locator(".gallery-rows").evaluate("e => { e.scrollTop = e.scrollHeight; }")
    last = page.locator(".gallery-cell", has_text="239").locator("input")
    last.click(modifiers=["Shift"])
    expect(page.locator(".selection [role=status]")).to_have_text("240 selected")


def jobs(service: str) -> int:
    listed: int = len(httpx.get(f"{service}/v1/jobs", params={"limit": 100}).json()["jobs"])
    return listed


def test_a_selection_is_downloaded_from_one_batch(window: Open, service: str, many: str) -> None:
    page = window(f"#/jobs?job={many}&layout=gallery")
    page.locator(".gallery-cell input").nth(2).click()
    menu = page.locator(".selection details")
    before = jobs(service)
    for _ in range(2):
        menu.locator("summary").click()
        expect(menu.get_by_role("link", name="COCO data")).to_be_visible()
        menu.locator("summary").click()
    assert jobs(service) == before + 1
    page.get_by_role("button", name="Select all").click()
    expect(page.locator(".selection [role=status]")).to_have_text("60 selected")
    menu.locator("summary").click()
    whole = menu.get_by_role("link", name="COCO data")
    expect(whole).to_have_attribute("href", re.compile(f"/v1/jobs/{many}/"))
    assert jobs(service) == before + 1, "all images of a job are in the job"


def export(page: Page, label: str) -> str:
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as saving:
        page.get_by_role("link", name=label).click()
    return saving.value.suggested_filename


def test_exports_have_names_of_their_own(window: Open, service: str, many: str) -> None:
    page = window(f"#/jobs?job={many}")
    expect(page.locator(".job h1")).to_contain_text("Drive: 5/7")
    names = [export(page, label) for label in ("Colour mask", "Overlay on the image", "COCO data")]
    assert names == ["Drive- 5-7.color.zip", "Drive- 5-7.overlay.zip", "Drive- 5-7.coco.json"]
    header = httpx.get(f"{service}/v1/jobs/{many}/archive.zip?format=color").headers
    assert 'filename="Drive- 5-7.color.zip"' in header["Content-Disposition"]
