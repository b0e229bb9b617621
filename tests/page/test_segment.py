"""One image: picked, dropped or linked to, it is shown with its masks as they are."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from roadmask.masks import decode_mask
from tests.page.canvas import PICTURES, Picture, wait_for_prediction
from tests.page.catalogue import HEIGHT, WIDTH, truth
from tests.page.conftest import Open
from tests.worker.brightness import segment
from tests.worker.pictures import BAD, encoded, gradient, png

PICK = "#/segment?image=streets/{}&dataset=streets"


def pick(page: Page, image_id: str) -> None:
    page.get_by_role("option", name=image_id, exact=True).click()
    wait_for_prediction(page)


def item_of(service: str, image_id: str) -> str:
    """The address of the item in which the page asked for an image's mask."""
    jobs = httpx.get(f"{service}/v1/jobs", params={"lane": "interactive"}).json()["jobs"]
    items = (f"{service}/v1/jobs/{job['id']}/items/0" for job in jobs)
    return next(item for item in items if httpx.get(item).json()["image_id"] == image_id)


def drop(page: Page, target: str, name: str, data: bytes) -> None:
    transfer = page.evaluate_handle(
        """([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], name));
          return transfer;
        }""",
        [name, list(data)],
    )
    page.dispatch_event(target, "drop", {"dataTransfer": transfer})


def test_an_id_shows_three_pictures_with_the_right_pixels(window: Open, service: str) -> None:
    page = window()
    page.get_by_label("Dataset").select_option("streets")
    pick(page, "streets/03")
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/03")
    photo = np.array(Image.open(io.BytesIO(png(2))))
    shown = Picture(page, "image")
    for x, y in [(0, 0), (WIDTH - 1, 0), (20, 11), (WIDTH - 1, HEIGHT - 1)]:
        assert shown.at(x, y) == tuple(photo[y, x])
    assert Picture(page, "truth").shows_mask(truth(2))
    mask = httpx.get(f"{item_of(service, 'streets/03')}/mask").content
    assert Picture(page, "prediction").shows_mask(decode_mask(mask))
    assert (decode_mask(mask) == segment(photo)).all()


def test_scores_and_shares_are_those_of_the_api(window: Open, service: str) -> None:
    page = window(PICK.format("02"))
    wait_for_prediction(page)
    scores = httpx.get(item_of(service, "streets/02")).json()["result"]["scores"]
    flat = page.get_by_role("row", name="flat").locator("td")
    annotated = (truth(1) == 1).mean()
    assert flat.nth(0).inner_text().strip() == f"{annotated:.1%}"
    assert flat.nth(2).inner_text() == f"{scores['per_category']['flat']['iou']:.1%}"
    assert flat.nth(3).inner_text() == f"{scores['per_category']['flat']['dice']:.1%}"
    assert flat.nth(4).inner_text() == f"{scores['per_category']['flat']['accuracy']:.1%}"
    assert page.locator(".legend dd").all_inner_texts() == [
        f"{scores[name]:.1%}" for name in ("accuracy", "mean_iou", "mean_dice")
    ]


def test_the_value_under_the_cursor(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    readout = page.locator(".readout")
    Picture(page, "image").point(9, 30)
    expect(readout).to_have_text("x 9 · y 30Annotated mask: flatPredicted mask: skythey differ")
    Picture(page, "truth").point(9, 2)
    expect(readout).to_have_text("x 9 · y 2Annotated mask: flatPredicted mask: flat")
    assert (
        page.locator(".cross").evaluate_all("all => all.map(cross => cross.hidden)") == [False] * 3
    )


def test_a_category_can_be_hidden_and_the_mask_made_thinner(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    photo = Picture(page, "image").at(3, 2)
    assert Picture(page, "truth").at(3, 2) == (128, 64, 128)
    page.get_by_label("flat").uncheck()
    assert Picture(page, "truth").at(3, 2) == photo
    page.get_by_label("flat").check()
    page.get_by_label("Opacity").fill("50")
    mixed = Picture(page, "truth").at(3, 2)
    assert mixed == pytest.approx(
        [(a + b) / 2 for a, b in zip(photo, (128, 64, 128), strict=True)], abs=2
    )


def test_the_difference_is_where_the_masks_disagree(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    page.get_by_role("button", name="Difference").click()
    expect(page.locator("[data-pane=prediction] figcaption")).to_have_text("Difference")
    photo, right = np.array(Image.open(io.BytesIO(png(0)))), truth(0)
    share = ((segment(photo) != right) & (right != 0)).mean()
    expect(page.locator(".differences")).to_contain_text(f"They differ{share:.1%}")
    shown = Picture(page, "prediction")
    wrong, same, void = shown.at(9, 30), shown.at(9, 2), shown.at(3, 30)
    assert wrong == (255, 59, 48)
    assert max(same) < 90
    assert void[0] == pytest.approx(void[1], abs=40)
    assert len({wrong, same, void}) == 3


def test_zoom_and_pan_keep_in_step(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    before = Picture(page, "image").placement
    page.locator("[data-pane=truth] canvas").hover()
    page.mouse.wheel(0, -400)
    page.mouse.down()
    page.mouse.move(700, 300, steps=3)
    page.mouse.up()
    expect(page.locator(".zoom")).not_to_have_text("100%")
    first, *others = [Picture(page, name).placement for name in PICTURES]
    assert all(other == first for other in others)
    assert first["scale"] > 2 * before["scale"]
    assert Picture(page, "truth").shows_mask(truth(0))
    page.get_by_role("button", name="Fit").click()
    assert Picture(page, "image").placement == before


def test_a_link_reopens_the_same_view(window: Open) -> None:
    page = window(PICK.format("04"))
    wait_for_prediction(page)
    page.get_by_role("button", name="Swipe").click()
    page.get_by_label("Left of the divider").select_option("truth")
    page.get_by_label("Divider", exact=True).fill("30")
    page.get_by_label("sky").uncheck()
    page.locator("[data-pane=truth] canvas").focus()
    for key in ("+", "+", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_url("**at=*")
    there = window(page.url.split("/", 3)[3])
    wait_for_prediction(there)
    for pane in ("truth", "prediction"):
        one, other = Picture(page, pane), Picture(there, pane)
        assert one.placement == other.placement
        assert (one.pixels == other.pixels).all()
    assert there.locator(".divider").input_value() == "30"
    assert not there.get_by_label("sky").is_checked()
    expect(there.locator("[data-pane=image]")).to_be_hidden()


def test_a_dropped_file_is_segmented(window: Open) -> None:
    page = window()
    expect(page.locator(".welcome")).to_be_visible()
    drop(page, ".welcome .dropzone", "mine.png", png(900, 40, 60))
    expect(page.get_by_role("heading", level=1)).to_have_text("mine.png")
    wait_for_prediction(page)
    assert Picture(page, "prediction").shows_mask(
        segment(np.array(Image.open(io.BytesIO(png(900, 40, 60)))))
    )
    expect(page.locator("[data-pane=truth] .message")).to_have_text("No annotated mask")
    expect(page.get_by_role("button", name="mine.png")).to_be_visible()


def test_a_turned_photo_lies_as_its_mask_does(window: Open) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    page = window()
    drop(
        page,
        ".welcome .dropzone",
        "turned.jpg",
        encoded(gradient(901), "JPEG", exif=exif, quality=95),
    )
    wait_for_prediction(page)
    expect(page.locator(".names .note")).to_contain_text("32 × 48")
    dark, bright = Picture(page, "image").at(30, 20), Picture(page, "image").at(1, 20)
    assert sum(dark) + 300 < sum(bright)
    assert Picture(page, "prediction").at(30, 20) == (128, 64, 128)


def test_a_bad_file_is_explained(window: Open) -> None:
    page = window()
    drop(page, ".welcome .dropzone", "notes.txt", BAD["text"][0])
    refused = page.locator(".refused")
    expect(refused).to_contain_text("notes.txt")
    expect(refused).to_contain_text("These bytes are no JPEG, PNG, WebP, TIFF or BMP")
    drop(page, ".welcome .dropzone", "cut.jpg", BAD["truncated"][0])
    message = page.locator("[data-pane=prediction] .message")
    expect(message).to_contain_text("The JPEG data are truncated or corrupt")
    expect(message.get_by_role("button", name="Try again")).to_be_visible()


def test_an_unknown_image_is_explained(window: Open) -> None:
    page = window("#/segment?image=streets/99")
    expect(page.locator("[data-pane=image] .message")).to_contain_text(
        "There is no image 'streets/99'"
    )


def test_the_catalogue_is_searched_and_walked_by_keys(window: Open) -> None:
    page = window()
    search = page.get_by_label("Search ids")
    search.fill("streets/0")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(9)
    search.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("listbox")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_for_prediction(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/02")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/03")


def test_only_the_thumbnails_in_view_exist(window: Open) -> None:
    page = window("#/segment?dataset=many")
    expect(page.get_by_role("option", name="many/000")).to_be_visible()
    assert page.get_by_role("listbox").get_by_role("option").count() < 40
    page.get_by_role("listbox").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("option", name="many/239")).to_be_visible()
    expect(page.get_by_role("option", name="many/000")).to_have_count(0)
    assert page.get_by_role("listbox").get_by_role("option").count() < 40


def test_every_form_that_the_api_offers_can_be_saved(window: Open, service: str) -> None:
    page = window(PICK.format("05"))
    wait_for_prediction(page)
    page.get_by_text("Download", exact=True).click()
    forms = httpx.get(f"{service}/openapi.json").json()["components"]["schemas"]["MaskFormat"][
        "enum"
    ]
    links = page.locator(".menu a")
    # Image and truth too; but no confidence, which nobody has asked for.
    expect(links).to_have_count(2 + len(forms) - 1)
    with page.expect_download() as saving:
        page.get_by_role("link", name="Mask: category indices").click()
    assert saving.value.suggested_filename == "05.png"
    assert (decode_mask(saving.value.path().read_bytes()).shape) == (HEIGHT, WIDTH)
