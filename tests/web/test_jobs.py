"""Batches: started, followed, canceled, retried, inspected and exported."""

from __future__ import annotations

import io
import json
import re
import signal
import zipfile
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from roadmask.schemas.mask_formats import MaskFormat
from tests.harness.images.worker_images import BAD, png
from tests.servers.worker import TinyWorker
from tests.web.canvas import wait_for_prediction
from tests.web.catalogue import STREETS, add_dataset
from tests.web.conftest import Open

NEW = "#/jobs?new=1"


def start(page: Page, dataset: str) -> str:
    """Start a batch with the form. Returns the job's id."""
    page.get_by_label("Dataset").select_option(dataset)
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**job=*")
    return page.url.partition("job=")[2]


def state(page: Page) -> str:
    return page.locator(".job h1 .badge").inner_text()


def expect_state(page: Page, text: str) -> None:
    expect(page.locator(".job h1 .badge")).to_have_text(text)


def drop_from_desktop(page: Page, target: str, path: Path) -> None:
    """Drop a folder as a file manager does: the browser reads it."""
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
    # Eleven images that resemble each other are too few for an interval.
    expect(page.locator(".detail-note").last).to_contain_text(f"{STREETS - 1} annotated images")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    # A job without a name has that of its dataset.
    expect(page.get_by_role("heading", level=1)).to_contain_text("streets")
    # What went well needs no word in lists, and no column.
    expect(page.get_by_role("columnheader", name="State")).to_be_hidden()
    expect(page.locator(".job-list [aria-current] .badge")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="streets/01").locator(".badge")).to_have_count(0)


def test_the_worst_come_first(window: Open, service: str) -> None:
    page = window(NEW)
    job_id = start(page, "streets")
    expect_state(page, "Succeeded")
    page.get_by_role("button", name="Worst first").click()
    items = httpx.get(f"{service}/v1/jobs/{job_id}/items").json()["items"]
    scored = [item for item in items if item["result"]["scores"]]
    scored.sort(key=lambda item: item["result"]["scores"]["mean_iou"])
    rows = page.locator(".items .rows .item-row")
    expect(rows.first.get_by_role("link")).to_have_text(scored[0]["image_id"])
    shown = rows.locator(".figure").all_inner_texts()
    expected = [f"{item['result']['scores']['mean_iou']:.1%}" for item in scored]
    assert shown == expected[: len(shown)]
    assert "items=worst" in page.url
    rows.first.get_by_role("link").click()
    wait_for_prediction(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(scored[0]["image_id"])
    page.get_by_role("link", name="Back to the job").click()
    expect_state(page, "Succeeded")


def test_a_batch_is_followed_and_canceled(window: Open, service: str, worker: TinyWorker) -> None:
    # Masks of a dataset that other tests use may be stored already.
    add_dataset(service, "trams", 5000)
    page = window(NEW)
    job_id = start(page, "trams")
    expect(page.locator("[data-figure=done]")).not_to_have_text("0 / 240")
    # However slow the browser is, the job does not end before it is canceled.
    worker.process.send_signal(signal.SIGSTOP)
    try:
        expect_state(page, "Running")
        expect(page.locator("[data-figure=rate]")).to_be_visible()
        expect(page.locator("[data-figure=eta]")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
    finally:
        worker.process.send_signal(signal.SIGCONT)
    expect_state(page, "Canceled")
    counts = httpx.get(f"{service}/v1/jobs/{job_id}").json()["counts"]
    assert 0 < counts["canceled"] < counts["total"]
    expect(page.locator("[data-figure=done]")).to_have_text(f"{counts['succeeded']} / 240")
    rows = page.locator(".items .rows .item-row")
    assert rows.count() < 40
    page.locator(".items .rows").evaluate("rows => { rows.scrollTop = rows.scrollHeight; }")
    expect(page.get_by_role("link", name="trams/239")).to_be_visible()
    expect(rows.last.locator(".badge")).to_have_text("Canceled")
    page.get_by_role("button", name="Resume").click()
    expect_state(page, "Succeeded")
    expect(rows.last.locator(".badge")).to_have_count(0)


def test_a_folder_with_bad_files(window: Open, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    (folder / "a").mkdir(parents=True)
    (folder / "a/good.png").write_bytes(png(950))
    # Bytes of its own: another test may delete what it uploaded.
    (folder / "cut.jpg").write_bytes(BAD["truncated"][0][:-7])
    (folder / "fake.png").write_bytes(BAD["text"][0])
    (folder / "notes.txt").write_text("ignored")
    page = window(NEW)
    page.locator("input[webkitdirectory]").set_input_files(folder)
    expect(page.locator(".job-form .note[role=status]")).to_have_text("3 images selected")
    page.get_by_role("button", name="Start").click()
    refused = page.locator(".rejected-files")
    expect(refused).to_contain_text("drive/fake.png")
    expect(refused).to_contain_text("The file is not an image in a known format")
    page.get_by_role("button", name="Start with 2 images").click()
    expect_state(page, "Done with errors")
    failures = page.locator(".failures")
    expect(failures).to_contain_text("1 image failed")
    expect(failures).to_contain_text("drive/cut.jpg The JPEG data are truncated or corrupt")
    page.get_by_role("button", name="Failed", exact=True).click()
    rows = page.locator(".items .rows .item-row")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("drive/cut.jpg")
    expect(page.get_by_role("heading", level=1)).to_contain_text("drive")


def test_a_dropped_folder_shows_failures_while_it_runs(window: Open, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    for n in range(400):
        (folder / f"{n:03d}.png").write_bytes(png(2000 + n))
    for n in (20, 120):
        (folder / f"{n:03d}.jpg").write_bytes(BAD["truncated"][0][:-n])
    page = window(NEW)
    drop_from_desktop(page, ".job-form .dropzone", folder)
    expect(page.locator(".job-form .note[role=status]")).to_have_text("402 images selected")
    expect(page.locator(".over")).to_have_count(0)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Failed", exact=True).click()
    rows = page.locator(".items .rows .item-row")
    expect(rows.first).to_contain_text("drive/020.jpg")
    expect(rows).to_have_count(2)
    expect_state(page, "Running")
    expect(rows.last).to_contain_text("drive/120.jpg")


def test_n_and_p_stop_at_the_ends_of_a_job(window: Open, service: str) -> None:
    body = {"images": [{"id": "streets/01"}, {"id": "streets/02"}], "lane": "batch"}
    job = httpx.post(f"{service}/v1/jobs", json=body).json()["id"]
    page = window(f"#/segment?job={job}&item=0")
    title, place = page.get_by_role("heading", level=1), page.locator(".walk .place")
    expect(title).to_have_text("streets/01")
    expect(place).to_have_text("1 of 2")
    expect(page.get_by_role("button", name="Previous image")).to_be_disabled()
    page.keyboard.press("n")
    expect(title).to_have_text("streets/02")
    expect(place).to_have_text("2 of 2")
    expect(page.get_by_role("button", name="Next image")).to_be_disabled()
    page.keyboard.press("n")
    page.keyboard.press("p")
    expect(title).to_have_text("streets/01")
    page.goto(page.url.replace("item=0", "item=7"))
    expect(page.locator("[data-pane=image] .message")).to_contain_text("has no item 7")
    expect(title).to_have_text("Image 8")
    # It has no place among the two.
    expect(place).to_have_text("")
    expect(page.locator(".legend")).not_to_contain_text("%")


def test_results_and_masks_can_be_exported(window: Open) -> None:
    page = window(NEW)
    start(page, "streets")
    expect_state(page, "Succeeded")
    saved = {}
    for label in ("Results", "Masks and results"):
        page.locator("summary", has_text="Export").click()
        with page.expect_download() as saving:
            page.get_by_role("link", name=re.compile(label)).click()
        saved[label] = saving.value.path().read_bytes()
    lines = [json.loads(line) for line in saved["Results"].splitlines()]
    assert [line["image_id"] for line in lines] == [f"streets/{n + 1:02d}" for n in range(STREETS)]
    with zipfile.ZipFile(io.BytesIO(saved["Masks and results"])) as archive:
        assert "masks/streets/01.png" in archive.namelist()


def test_every_format_of_a_job_is_offered(window: Open) -> None:
    page = window(NEW)
    start(page, "streets")
    expect_state(page, "Succeeded")
    page.locator("summary", has_text="Export").click()
    # The results, and each format once: as one file for the job where there is one, else in a ZIP.
    # The job has no confidence.
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
