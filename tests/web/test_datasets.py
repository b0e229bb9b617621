"""Datasets in the page: added with their truths, filtered by what is in them, sent on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from roadmask.masks.codec import decode_mask, encode_mask
from tests.harness.images.worker_images import png
from tests.web.catalogue import HEIGHT, WIDTH, put, run_job, truth
from tests.web.conftest import Open
from tests.web.test_segment import drop


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three images, one of them damaged, and the truth of two."""
    images, masks = tmp_path / "drive", tmp_path / "masks"
    for at in range(3):
        (images / "cam").mkdir(parents=True, exist_ok=True)
        masks.mkdir(exist_ok=True)
        (images / f"cam/{at}_leftImg8bit.png").write_bytes(png(500 + at) if at < 2 else b"none")
    for at in (0, 2):
        (masks / f"{at}_gtFine_labelIds.png").write_bytes(encode_mask(truth(at)))
    return images, masks


def names(page: Page) -> list[str]:
    return page.locator(".cell .name").all_inner_texts()


def test_a_folder_and_its_masks_become_a_dataset(
    window: Open, service: str, folders: tuple[Path, Path]
) -> None:
    page = window()
    page.get_by_role("button", name="Add a dataset").click()
    dialog = page.get_by_role("dialog")
    for zone, folder in zip(dialog.locator(".dropzone").all(), folders, strict=True):
        zone.locator("input[webkitdirectory]").set_input_files(folder)
    expect(dialog.get_by_label("Name")).to_have_value("drive")
    expect(dialog).to_contain_text("3 images, 2 with an annotated mask; masks without an image: 0")
    dialog.get_by_label("Name").fill("my drive")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_contain_text("2 images are in my drive")
    expect(dialog.locator(".rejected-files li")).to_contain_text("drive/cam/2_leftImg8bit.png")
    found = httpx.get(f"{service}/v1/images", params={"dataset": "my drive"}).json()["images"]
    assert [image["id"] for image in found] == [
        "my drive/cam/0_leftImg8bit",
        "my drive/cam/1_leftImg8bit",
    ]
    mask = decode_mask(httpx.get(found[0]["truth_url"]).content)
    assert np.array_equal(mask, truth(0))
    assert mask.shape == (HEIGHT, WIDTH)
    assert found[1]["truth_url"] is None
    httpx.delete(f"{service}/v1/datasets/my drive").raise_for_status()


def test_a_dataset_is_filtered_by_what_is_in_it(window: Open, service: str) -> None:
    page = window("#/segment?dataset=streets")
    where = page.locator(".catalogue").get_by_label("Condition")
    job = run_job(service, {"dataset": "streets", "lane": "batch"})
    page.reload()
    items = httpx.get(f"{service}/v1/jobs/{job}/items", params={"limit": 20}).json()["items"]
    scores = {
        item["image_id"].partition("/")[2]: item["result"]["scores"]["mean_iou"]
        for item in items
        if item["result"]["scores"]
    }
    middle = sorted(scores.values())[5]
    wanted = sorted(name for name, iou in scores.items() if iou > middle)
    where.fill(f"iou > {100 * middle:.4f}%")
    expect(page.locator(".catalogue .note").first).to_have_text(f"{len(wanted)} images")
    assert sorted(names(page)) == wanted
    assert 0 < len(wanted) < 11, "the condition tells them apart"
    page.locator(".catalogue").get_by_label("Order").select_option("-sky")
    page.wait_for_url("**sort=-sky*")
    where.fill("skies > 40%")
    expect(page.locator(".catalogue .problem")).to_contain_text("not clear")
    where.fill("human > 99%")
    expect(page.locator(".catalogue .note").first).to_contain_text("No image matches.")
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator(".catalogue .note").first).to_have_text("12 images")
    link = page.get_by_role("link", name="Gallery")
    expect(link).to_have_attribute("href", f"#/jobs?job={job}&layout=gallery")


def test_the_condition_of_a_link_stays_while_the_datasets_are_loaded(
    window: Open, service: str
) -> None:
    run_job(service, {"dataset": "streets", "lane": "batch"})
    page = window()
    waiting: list[Route] = []
    page.route("**/v1/datasets", lambda route: waiting.append(route))
    page.goto("about:blank")
    page.goto(f"{service}/#/segment?dataset=streets&where=flat >= 0%25&sort=-sky")
    expect(page.locator(".catalogue .note").first).to_have_text("12 images")
    page.get_by_label("Search names").fill("0")
    page.wait_for_url("**q=0*")
    assert "where=" in page.url
    assert "sort=-sky" in page.url
    for route in waiting:
        route.continue_()
    expect(page.locator(".catalogue").get_by_label("Condition")).to_have_value("flat >= 0%")
    expect(page.locator(".catalogue").get_by_label("Order")).to_have_value("-sky")


def test_a_dataset_without_a_job_offers_to_segment_it(window: Open, service: str) -> None:
    # Of its own: another test may have segmented those of the service.
    with httpx.Client(base_url=service, timeout=30) as client:
        [sha256] = put(client, "images", [png(530)])
        entry = {"name": "1", "sha256": sha256}
        client.post("/v1/datasets/unsegmented/images", json=[entry]).raise_for_status()
    page = window("#/segment?dataset=unsegmented")
    page.get_by_role("link", name="Segment all").click()
    expect(page.get_by_label("Dataset")).to_have_value("unsegmented")


def test_the_service_keeps_the_names_of_uploads(window: Open, service: str) -> None:
    page = window()
    drop(page, ".view", "front ü.png", png(611))
    expect(page.get_by_role("heading", level=1)).to_have_text("front ü.png")
    # Another browser knows it from the service alone.
    other = window("#/segment?q=front+ü")
    other.get_by_role("option", name="front ü.png").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("front ü.png")
    other.get_by_label("Dataset").select_option("Uploaded files")
    expect(other.get_by_role("option", name="front ü.png")).to_be_visible()
    image = httpx.get(f"{service}/v1/images", params={"q": "front"}).json()["images"][0]["id"]
    httpx.delete(f"{service}/v1/images/{image}").raise_for_status()


@pytest.fixture(scope="module")
def few(service: str) -> Iterator[str]:
    """A finished job on 6 uploads, which are deleted in the end."""
    with httpx.Client(base_url=service, timeout=40) as client:
        files = [("files", (f"few/{n}.png", png(700 + n))) for n in range(6)]
        uploads = [each["image"]["id"] for each in client.post("/v1/images", files=files).json()]
        images = [{"id": image} for image in uploads]
        yield run_job(service, {"images": images, "lane": "batch"})
        for image in uploads:
            client.delete(f"/v1/images/{image}")


def test_a_selection_is_kept_as_a_dataset(window: Open, service: str, few: str) -> None:
    page = window(f"#/jobs?job={few}&layout=gallery")
    page.once("dialog", lambda dialog: dialog.accept("night errors"))
    boxes = page.locator(".gallery-cell input")
    boxes.nth(1).click()
    boxes.nth(2).click()
    page.get_by_role("button", name="Add to a dataset").click()
    expect(page.locator(".notice")).to_contain_text("2 images are in the dataset night errors.")
    found = httpx.get(f"{service}/v1/images", params={"dataset": "night errors"}).json()["images"]
    assert [image["id"] for image in found] == [f"night errors/few/{n}.png" for n in (1, 2)]


def test_a_selection_is_exported_alone(window: Open, few: str) -> None:
    page = window(f"#/jobs?job={few}&layout=gallery")
    page.locator(".gallery-cell input").nth(3).click()
    page.locator(".selection summary").click()
    with page.expect_download() as saving:
        page.locator(".selection").get_by_role("link", name="CVAT").first.click()
    document = Path(saving.value.path()).read_text()
    assert document.count("<image ") == 1
    assert "few/3.png" in document
