"""Batches: started, followed to their end, canceled, retried, looked through and exported."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from roadmask.mask_formats import MaskFormat
from tests.page.canvas import wait_for_prediction
from tests.page.catalogue import STREETS
from tests.page.conftest import Open
from tests.worker.pictures import BAD, png

NEW = "#/jobs?new=1"


def start(page: Page, dataset: str) -> str:
    """Start a batch by the form; the job's id."""
    page.get_by_label("Dataset").select_option(dataset)
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**job=*")
    return page.url.partition("job=")[2]


def state(page: Page) -> str:
    return page.locator(".job h1 .badge").inner_text()


def expect_state(page: Page, words: str) -> None:
    expect(page.locator(".job h1 .badge")).to_have_text(words, timeout=40_000)


def drop_from_desktop(page: Page, target: str, path: Path) -> None:
    """As a file manager does it: the browser itself reads the folder."""
    box = page.locator(target).bounding_box()
    assert box
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def test_a_batch_runs_to_its_end(window: Open, service: str) -> None:
    page = window(NEW)
    job_id = start(page, "streets")
    expect_state(page, "Succeeded")
    job = httpx.get(f"{service}/v1/jobs/{job_id}").json()
    expect(page.locator("[data-figure=done]")).to_have_text(f"{STREETS} / {STREETS}")
    expect(page.locator("[data-figure=miou]")).to_have_text(f"{job['scores']['mean_iou']:.1%}")
    expect(page.locator(".aside", has_text="±")).to_contain_text(f"{STREETS - 1} images")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.locator(".joblist [aria-current] .badge")).to_have_text("Succeeded")
    expect(page.get_by_role("row").filter(has_text="streets/01")).to_contain_text("Succeeded")


def test_the_worst_come_first(window: Open, service: str) -> None:
    page = window(NEW)
    job_id = start(page, "streets")
    expect_state(page, "Succeeded")
    page.get_by_role("button", name="Worst first").click()
    items = httpx.get(f"{service}/v1/jobs/{job_id}/items").json()["items"]
    scored = [item for item in items if item["result"]["scores"]]
    scored.sort(key=lambda item: item["result"]["scores"]["mean_iou"])
    rows = page.locator(".items .rows .itemrow")
    expect(rows.first.get_by_role("link")).to_have_text(scored[0]["image_id"])
    shown = rows.locator(".iou").all_inner_texts()
    expected = [f"{item['result']['scores']['mean_iou']:.1%}" for item in scored]
    assert shown == expected[: len(shown)]
    assert "items=worst" in page.url
    rows.first.get_by_role("link").click()
    wait_for_prediction(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(scored[0]["image_id"])
    page.get_by_role("link", name="Back to the job").click()
    expect_state(page, "Succeeded")


def test_a_batch_is_followed_and_canceled(window: Open, service: str) -> None:
    page = window(NEW)
    job_id = start(page, "many")
    expect_state(page, "Running")
    expect(page.locator("[data-figure=rate]")).to_be_visible()
    expect(page.locator("[data-figure=eta]")).to_be_visible()
    expect(page.locator("[data-figure=done]")).not_to_have_text("0 / 240")
    page.get_by_role("button", name="Cancel").click()
    expect_state(page, "Canceled")
    counts = httpx.get(f"{service}/v1/jobs/{job_id}").json()["counts"]
    assert 0 < counts["canceled"] < counts["total"]
    expect(page.locator("[data-figure=done]")).to_have_text(f"{counts['succeeded']} / 240")
    rows = page.locator(".items .rows .itemrow")
    assert rows.count() < 40
    page.locator(".items .rows").evaluate("rows => { rows.scrollTop = rows.scrollHeight; }")
    expect(page.get_by_role("link", name="many/239")).to_be_visible()
    expect(rows.last.locator(".badge")).to_have_text("Canceled")
    page.get_by_role("button", name="Go on with the rest").click()
    expect_state(page, "Succeeded")
    expect(rows.last.locator(".badge")).to_have_text("Succeeded")


def test_a_folder_with_bad_files(window: Open, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    (folder / "a").mkdir(parents=True)
    (folder / "a/good.png").write_bytes(png(950))
    (folder / "cut.jpg").write_bytes(BAD["truncated"][0])
    (folder / "fake.png").write_bytes(BAD["text"][0])
    (folder / "notes.txt").write_text("left out")
    page = window(NEW)
    page.locator("input[webkitdirectory]").set_input_files(folder)
    expect(page.locator(".batchform .note")).to_have_text("3 images chosen")
    page.get_by_role("button", name="Start").click()
    refused = page.locator(".refusals")
    expect(refused).to_contain_text("drive/fake.png")
    expect(refused).to_contain_text("These bytes are no JPEG")
    page.get_by_role("button", name="Start with the 2 good ones").click()
    expect_state(page, "Done, with errors")
    failures = page.locator(".failures")
    expect(failures).to_contain_text("1 image failed")
    expect(failures).to_contain_text("drive/cut.jpg The JPEG data are truncated or corrupt")
    page.get_by_role("button", name="Failed", exact=True).click()
    rows = page.locator(".items .rows .itemrow")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("drive/cut.jpg")
    expect(page.get_by_role("heading", level=1)).to_contain_text("drive")


def test_a_dropped_folder_with_failures_as_they_come(window: Open, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    for n in range(200):
        (folder / f"{n:03d}.png").write_bytes(png(2000 + n))
    for n in (20, 120):
        (folder / f"{n:03d}.jpg").write_bytes(BAD["truncated"][0][:-n])
    page = window(NEW)
    drop_from_desktop(page, ".batchform .dropzone", folder)
    expect(page.locator(".batchform .note")).to_have_text("202 images chosen")
    expect(page.locator(".over")).to_have_count(0)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Failed", exact=True).click()
    rows = page.locator(".items .rows .itemrow")
    expect(rows.first).to_contain_text("drive/020.jpg")
    expect(rows).to_have_count(2)
    expect_state(page, "Running")
    expect(rows.last).to_contain_text("drive/120.jpg")
    page.get_by_role("button", name="Cancel").click()


def test_the_keys_stop_at_the_last_item(window: Open, service: str) -> None:
    told = {"images": [{"id": "streets/01"}, {"id": "streets/02"}], "lane": "batch"}
    job = httpx.post(f"{service}/v1/jobs", json=told).json()["id"]
    page = window(f"#/segment?job={job}&item=0")
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("streets/01")
    for key, name in (("n", "streets/02"), ("n", "streets/02"), ("p", "streets/01")):
        with page.expect_response(f"**/v1/jobs/{job}"):
            page.keyboard.press(key)
        expect(title).to_have_text(name)
    page.goto(page.url.replace("item=0", "item=7"))
    expect(page.locator("[data-pane=image] .message")).to_contain_text("has no item 7")
    expect(title).to_have_text("Image 8")
    expect(page.locator(".legend")).not_to_contain_text("%")


def test_results_and_masks_can_be_exported(window: Open) -> None:
    page = window(NEW)
    start(page, "streets")
    expect_state(page, "Succeeded")
    saved = {}
    for words in ("Results", "All masks"):
        page.locator("summary", has_text="Export").click()
        with page.expect_download() as saving:
            page.get_by_role("link", name=re.compile(words)).click()
        saved[words] = saving.value.path().read_bytes()
    lines = [json.loads(line) for line in saved["Results"].splitlines()]
    assert [line["image_id"] for line in lines] == [f"streets/{n + 1:02d}" for n in range(STREETS)]
    with zipfile.ZipFile(io.BytesIO(saved["All masks"])) as archive:
        assert "masks/streets/01.png" in archive.namelist()


def test_every_form_of_a_job_is_offered(window: Open) -> None:
    page = window(NEW)
    start(page, "streets")
    expect_state(page, "Succeeded")
    page.locator("summary", has_text="Export").click()
    # The results, and each form once: in one document where it holds a whole job, else in a ZIP.
    # No confidence: nobody has asked for it.
    expect(page.locator(".menu a")).to_have_count(1 + len(MaskFormat) - 1)
    with page.expect_download() as saving:
        page.get_by_role("link", name="COCO dataset").click()
    assert saving.value.suggested_filename.endswith(".coco.json")
    assert len(json.loads(saving.value.path().read_bytes())["images"]) == STREETS
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Cityscapes label ids").click()
    with zipfile.ZipFile(saving.value.path()) as archive:
        assert "masks/streets/01.png" in archive.namelist()


def test_an_unknown_job_is_explained(window: Open) -> None:
    page = window("#/jobs?job=0000000000")
    expect(page.locator(".job .problem")).to_contain_text("There is no job")
