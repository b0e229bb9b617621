"""Answers that come late, or out of order: they never replace what is shown now."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from roadmask.masks.codec import decode_mask
from tests.harness.images.worker_images import png
from tests.web.canvas import Picture, wait_for_prediction
from tests.web.catalogue import put, run_job
from tests.web.conftest import Open
from tests.web.painting import correct, drag

HUMAN = (220, 20, 60)


class Held:
    """Requests to a URL that are answered when `release` is called."""

    def __init__(self, page: Page, url: str | re.Pattern[str], times: int = 1) -> None:
        self._page = page
        self._routes: list[Route] = []
        page.route(url, lambda route: self._routes.append(route), times=times)

    def expect(self, count: int = 1) -> None:
        """Wait until `count` requests are held."""
        for _ in range(600):
            if len(self._routes) >= count:
                return
            self._page.wait_for_timeout(50)
        raise AssertionError(f"{len(self._routes)} requests")

    def release(self, act: Callable[[Route], None] = lambda route: route.continue_()) -> None:
        for route in self._routes:
            act(route)
        self._routes.clear()


def go(page: Page, at: str) -> None:
    page.evaluate("at => { location.hash = at; }", at)


def upload(service: str, data: bytes) -> str:
    with httpx.Client(base_url=service, timeout=60) as client:
        return put(client, "images", [data])[0]


@pytest.fixture(scope="module")
def job(service: str) -> str:
    return run_job(service, {"dataset": "streets", "lane": "batch", "name": "Late"})


def test_nothing_of_the_image_before_is_shown_under_the_name_of_the_next(
    window: Open, job: str
) -> None:
    page = window(f"#/segment?job={job}&item=0")
    wait_for_prediction(page)
    held = Held(page, f"**/v1/jobs/{job}/items/1")
    go(page, f"#/segment?job={job}&item=1")
    held.expect()
    expect(page.get_by_role("heading", level=1)).to_have_text("Image 2")
    expect(page.locator(".legend")).not_to_contain_text("%")
    # Its masks are not those of the image before, either, so there is nothing to correct.
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("not ready")
    expect(page.locator(".correction")).to_be_hidden()
    held.release()
    wait_for_prediction(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/02")


def test_the_models_are_offered_when_the_first_image_was_left_at_once(window: Open) -> None:
    page = window("#/segment?dataset=streets")
    held = Held(page, "**/v1/models")
    go(page, "#/segment?image=streets/01&dataset=streets")
    held.expect()
    go(page, "#/segment?image=streets/02&dataset=streets")
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/02")
    held.release()
    wait_for_prediction(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/02")


def test_an_older_state_of_a_job_does_not_replace_its_end(window: Open, service: str) -> None:
    sha256 = upload(service, png(8801))
    finished = run_job(service, {"images": [{"id": f"sha256-{sha256}"}], "lane": "batch"})
    page = window("#/jobs")
    address = f"{service}/v1/jobs/{finished}"
    ended = httpx.get(address).json()
    running = {**ended, "state": "running", "finished_at": None, "progress": 0.5}
    states = [running, running]
    late: list[Route] = []

    def answer(route: Route) -> None:
        # First it runs; the second read is held; the third says that it has ended.
        if len(states) == 2:
            route.fulfill(json=states.pop())
        elif states:
            states.pop()
            late.append(route)
        else:
            route.continue_()

    events = "".join(
        f"event: {kind}\ndata: {json.dumps(data)}\n\n"
        for kind, data in (("item", {"index": 0, "state": "running"}), ("job", ended))
    )
    page.route(f"**/v1/jobs/{finished}", answer)

    def stream(route: Route) -> None:
        if not hits:
            hits.append(1)
            # The stream breaks after an item, and ends with the job when it is back.
            route.fulfill(content_type="text/event-stream", body=events.partition("event: job")[0])
        else:
            route.fulfill(content_type="text/event-stream", body=events)

    hits: list[int] = []
    page.route(f"**/v1/jobs/{finished}/events", stream)
    go(page, f"#/jobs?job={finished}")
    badge = page.locator(".job h1 .badge")
    expect(badge).to_have_text("Succeeded")
    assert late, "the read of the first event was not held"
    for route in late:
        route.fulfill(json=running)
    page.wait_for_timeout(300)
    expect(badge).to_have_text("Succeeded")


def test_a_search_that_is_typed_before_leaving_stays_with_its_view(window: Open) -> None:
    page = window("#/segment?dataset=streets")
    expect(page.get_by_role("option", name="streets/01")).to_be_visible()
    page.get_by_label("Search names").press_sequentially("0")
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    page.wait_for_timeout(500)
    assert page.url.endswith("#/jobs")


def test_the_dataset_of_a_link_stays_while_the_datasets_are_unknown(window: Open) -> None:
    page = window("#/service")
    held = Held(page, "**/v1/datasets")
    go(page, "#/segment?dataset=streets")
    expect(page.get_by_role("option", name="streets/01")).to_be_visible()
    page.get_by_label("Search names").fill("03")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    assert "dataset=streets" in page.url
    held.release()
    expect(page.get_by_role("combobox", name="Dataset")).to_have_value("streets")


def test_a_batch_that_starts_late_pulls_nobody_out_of_another_view(window: Open) -> None:
    page = window("#/jobs?new=1")
    page.get_by_label("Dataset", exact=True).select_option("streets")
    held = Held(page, re.compile(r"/v1/jobs$"))
    page.get_by_role("button", name="Start").click()
    held.expect()
    page.get_by_role("link", name="Service").click()
    expect(page.get_by_role("heading", name="Service", exact=True)).to_be_visible()
    held.release()
    expect(page.locator(".notice")).to_contain_text("streets")
    assert page.url.endswith("#/service")
    page.locator(".notice a").click()
    expect(page.locator(".job h1")).to_contain_text("streets")


def test_a_deleted_image_leaves_the_next_one_in_place(window: Open, service: str) -> None:
    sha256 = upload(service, png(8802))
    page = window(f"#/segment?image=sha256-{sha256}")
    wait_for_prediction(page)
    page.on("dialog", lambda dialog: dialog.accept())
    held = Held(page, f"**/v1/images/sha256-{sha256}")
    page.get_by_role("button", name="Delete").click()
    held.expect()
    go(page, "#/segment?image=streets/05&dataset=streets")
    wait_for_prediction(page)
    held.release()
    expect(page.locator(".notice")).to_contain_text("is deleted")
    page.wait_for_timeout(300)
    assert "image=streets/05" in page.url
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/05")


def test_the_download_menu_offers_the_image_that_is_shown(window: Open) -> None:
    page = window("#/segment?image=streets/01&dataset=streets")
    wait_for_prediction(page)
    menu = page.locator("details", has_text="Download")
    held = Held(page, "**/openapi.json")
    menu.locator("summary").click()
    held.expect()
    page.keyboard.press("Escape")
    go(page, "#/segment?image=streets/02&dataset=streets")
    wait_for_prediction(page)
    menu.locator("summary").click()
    first = menu.get_by_role("link").first
    expect(first).to_be_visible()
    held.release()
    page.wait_for_timeout(300)
    with page.expect_download() as saving:
        first.click()
    assert saving.value.suggested_filename == "02.png"
    assert Path(saving.value.path()).read_bytes() == png(1)


def test_what_is_painted_while_the_mask_is_saved_is_not_lost(window: Open, service: str) -> None:
    page = correct(window, "many/101")
    page.get_by_role("radio", name="human").click()
    drag(page, (5, 5), (40, 5))
    held = Held(page, "**/v1/images/many/101/truth")
    save = page.get_by_role("button", name="Save as annotated mask")
    save.click()
    held.expect()
    drag(page, (5, 15), (40, 15))
    held.release()
    expect(page.locator(".notice")).to_contain_text("without what you have changed since")
    expect(save).to_be_enabled()
    assert Picture(page, "prediction").at(20, 15) == HUMAN
    save.click()
    expect(page.locator(".correction")).to_be_hidden()
    image = httpx.get(f"{service}/v1/images/many/101").json()
    truth = decode_mask(httpx.get(image["truth_url"]).content)
    assert (truth[5, 5:41] == 6).all()
    assert (truth[15, 5:41] == 6).all()


@pytest.mark.parametrize("choice", ["files", "dataset"])
def test_a_batch_is_of_what_was_chosen_last(window: Open, tmp_path: Path, choice: str) -> None:
    names = [f"{n}.png" for n in range(3)]
    for n, name in enumerate(names):
        (tmp_path / name).write_bytes(png(8900 + n))
    page = window("#/jobs?new=1")
    files, start = page.locator(".job-form input[type=file]").first, page.get_by_text("Start")
    files.set_input_files(tmp_path / names[0])
    held = Held(page, re.compile(r"/v1/images$"))
    start.click()
    held.expect()
    if choice == "files":
        files.set_input_files([tmp_path / name for name in names[1:]])
    else:
        page.get_by_label("Dataset", exact=True).select_option("streets")
    held.release(lambda route: route.abort())
    page.wait_for_timeout(300)
    assert page.url.endswith("#/jobs?new=1")
    expect(start).to_have_text("Start")
    with page.expect_request(re.compile(r"/v1/jobs$")) as sent:
        start.click()
    body = sent.value.post_data_json or {}
    if choice == "files":
        assert [image["custom_id"] for image in body["images"]] == names[1:]
    else:
        assert body["dataset"] == "streets"
