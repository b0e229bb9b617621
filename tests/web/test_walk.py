"""Walking a list: the order in which it was left, by buttons, keys and fingers, and back again."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.harness.images.worker_images import png
from tests.web.canvas import wait_for_prediction
from tests.web.catalogue import run_job
from tests.web.conftest import Open
from tests.web.test_segment import drop

UPLOAD = re.compile(r"/v1/(images|segment)(\?|$)")
"""One file is sent and segmented in one request."""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def job(service: str) -> str:
    """A finished job on 12 images, 11 of them with truth."""
    return run_job(service, {"dataset": "streets", "lane": "batch", "name": "Streets, night"})


@pytest.fixture(scope="module")
def worst(service: str, job: str) -> list[str]:
    """Names of the scored images, the worst first."""
    items = httpx.get(f"{service}/v1/jobs/{job}/items", params={"sort": "iou"}).json()["items"]
    return [item["image_id"] for item in items]


def title(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def swipe(page: Page, distance: int) -> None:
    """Move one finger sideways over the picture."""
    box = page.locator("[data-pane=prediction] canvas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    devtools = page.context.new_cdp_session(page)
    for kind, at in (("touchStart", x), ("touchMove", x + distance), ("touchEnd", None)):
        points = [] if at is None else [{"x": at, "y": y}]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_the_worst_are_walked_in_order(window: Open, job: str, worst: list[str]) -> None:
    page = window(f"#/jobs?job={job}&items=worst")
    page.get_by_role("link", name=worst[0]).click()
    heading, place = page.get_by_role("heading", level=1), page.locator(".walk .place")
    expect(place).to_have_text("1 of 11, worst first")
    expect(heading).to_have_text(worst[0])
    for n, name in enumerate(worst[1:4], 2):
        page.keyboard.press("n")
        expect(heading).to_have_text(name)
        expect(place).to_have_text(f"{n} of 11, worst first")
    page.get_by_role("button", name="Previous image").click()
    expect(heading).to_have_text(worst[2])
    strip = page.locator(".strip .strip-row .name")
    expect(strip.first).to_have_text(worst[0])
    expect(page.locator(".strip [aria-current]")).to_contain_text(worst[2])
    strip.nth(5).click()
    expect(heading).to_have_text(worst[5])
    page.get_by_role("link", name="Back to the job").click()
    expect(page.get_by_role("button", name="Worst first")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Order")).to_have_value("iou")
    expect(page.locator(".items .rows .item-row a").first).to_have_text(worst[0])


def test_a_link_to_an_item_keeps_the_list(window: Open, job: str, worst: list[str]) -> None:
    page = window(f"#/segment?job={job}&item=0&where=flat > 100%")
    # An item that the condition leaves out is shown all the same, outside the list.
    expect(page.locator(".strip-row")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/01")
    page.evaluate("at => { location.hash = at; }", f"#/segment?job={job}&item=0&items=worst")
    expect(page.locator(".walk .place")).to_contain_text("of 11, worst first")
    expect(page.get_by_role("link", name="Back to the job")).to_have_attribute(
        "href", f"#/jobs?job={job}&items=worst&at=0"
    )


def test_a_phone_walks_by_buttons_and_fingers(window: Open, job: str, worst: list[str]) -> None:
    page = window(f"#/segment?job={job}&item=0", **PHONE)
    wait_for_prediction(page)
    expect(page.locator("[data-pane=image]")).to_be_hidden()
    heading = page.get_by_role("heading", level=1)
    page.get_by_role("button", name="Next image").tap()
    expect(heading).to_have_text("streets/02")
    wait_for_prediction(page)
    swipe(page, -120)
    expect(heading).to_have_text("streets/03")
    wait_for_prediction(page)
    swipe(page, 120)
    expect(heading).to_have_text("streets/02")


def test_items_are_found_by_condition_and_name(window: Open, service: str, job: str) -> None:
    page = window(f"#/jobs?job={job}")
    rows = page.locator(".items .rows .item-row")
    expect(rows.first).to_contain_text("streets/01")
    page.get_by_label("Condition").fill("iou >= 0% and sky < 50%")
    found = httpx.get(
        f"{service}/v1/jobs/{job}/items", params={"where": "iou >= 0% and sky < 50%"}
    ).json()["total"]
    expect(page.locator(".items-note:visible")).to_have_text(f"{found} images")
    page.get_by_label("Condition").fill("skyy < 50%")
    expect(page.locator(".items-note:visible")).to_contain_text("did you mean `sky`")
    page.get_by_label("Condition").fill("")
    page.get_by_label("Find a name").fill("treet* 07")
    expect(rows).to_have_count(1)
    page.get_by_label("Find a name").fill("nothing")
    expect(page.locator(".items-note:visible")).to_have_text("No image of this job matches.")
    page.get_by_role("button", name="Show all").click()
    expect(rows.first).to_contain_text("streets/01")
    page.get_by_label("Order").select_option("-human")
    expect(rows.first).to_be_visible()
    assert "sort=-human" in page.url


def test_own_files_keep_their_names_and_are_walked(window: Open) -> None:
    page = window()
    for n in range(3):
        drop(page, ".segment", f"photo_{n}.png", png(970 + n))
        expect(page.get_by_role("heading", level=1)).to_have_text(f"photo_{n}.png")
    expect(page.locator(".walk .place")).to_have_text("1 of 3, your files")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_have_text("photo_1.png")
    expect(page.locator(".walk .place")).to_have_text("2 of 3, your files")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("photo_1.png")
    assert page.title() == "photo_1.png · Roadmask"
    expect(page.locator(".uploads .row")).to_have_count(3)


def test_an_upload_stays_out_of_other_views(window: Open) -> None:
    page = window()
    expect(page.locator(".welcome")).to_be_visible()
    held = []
    page.route(UPLOAD, lambda route: held.append(route))
    drop(page, ".welcome .dropzone", "late.png", png(980))
    expect(page.locator(".uploads")).to_contain_text("0 of 1 uploaded")
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("link", name="New batch").first.click()
    page.get_by_label("Name").fill("half filled")
    held.pop().continue_()
    notice = page.locator(".notice")
    expect(notice).to_contain_text("1 file uploaded.")
    expect(page.get_by_label("Name")).to_have_value("half filled")
    notice.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("late.png")


def test_an_upload_can_be_stopped(window: Open) -> None:
    page = window()
    expect(page.locator(".welcome")).to_be_visible()
    page.route(UPLOAD, lambda route: None)
    drop(page, ".welcome .dropzone", "never.png", png(981))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".uploads")).to_be_hidden()


def test_images_and_jobs_are_deleted(window: Open, service: str) -> None:
    page = window()
    drop(page, ".welcome .dropzone", "gone.png", png(990))
    expect(page.get_by_role("heading", level=1)).to_have_text("gone.png")
    image = page.url.partition("image=")[2].partition("&")[0]
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete").click()
    assert httpx.get(f"{service}/v1/images/{image}").is_success, "the question was answered with no"
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator(".uploads")).to_be_hidden()
    assert httpx.get(f"{service}/v1/images/{image}").status_code == 404
    body = {"images": [{"id": "streets/01"}], "lane": "batch", "name": "short-lived"}
    job = httpx.post(f"{service}/v1/jobs", json=body).json()["id"]
    page.goto(f"{service}/#/jobs?job={job}")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("short-lived is deleted.")).to_be_visible()
    expect(page.locator(".job-list")).not_to_contain_text("short-lived")
    assert httpx.get(f"{service}/v1/jobs/{job}").status_code == 404
