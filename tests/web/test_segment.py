"""An image that is selected, dropped or linked to is shown with its masks, pixel by pixel."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from roadmask.masks.codec import decode_mask
from tests.harness.images.worker_images import BAD, encoded, gradient, png
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker.tiny_model import expected_mask
from tests.web.canvas import PANES, Picture, wait_for_prediction
from tests.web.catalogue import HEIGHT, WIDTH, truth
from tests.web.conftest import Open

PICK = "#/segment?image=streets/{}&dataset=streets&opacity=100"
"""At full opacity, so that pixels can be compared."""


def pick(page: Page, image_id: str) -> None:
    page.get_by_role("option", name=image_id, exact=True).click()
    wait_for_prediction(page)


def item_of(service: str, image_id: str) -> str:
    """The URL of the item by which the page requested an image's mask of the default model: its
    job has that name.

    Other tests may have made hundreds of jobs since, some of them with other models.
    """
    default = httpx.get(f"{service}/v1/models/default", timeout=PATIENCE_S).json()
    model = f"{default['name']}@{default['version']}"
    query: dict[str, str | int] = {"lane": "interactive", "limit": 1000}
    jobs = httpx.get(f"{service}/v1/jobs", params=query, timeout=PATIENCE_S).json()["jobs"]
    wanted = (image_id, model)
    job = next(job for job in jobs if (job["name"], job["model"]) == wanted)
    return f"{service}/v1/jobs/{job['id']}/items/0"


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


def test_a_selected_image_is_shown_with_the_right_pixels(window: Open, service: str) -> None:
    page = window()
    page.get_by_label("Dataset").select_option("streets")
    pick(page, "streets/03")
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/03")
    wait_for_prediction(page)
    expect(page.get_by_label("Opacity")).to_have_value("55")
    page.get_by_label("Opacity").fill("100")
    photo = np.array(Image.open(io.BytesIO(png(2))))
    shown = Picture(page, "image")
    for x, y in [(0, 0), (WIDTH - 1, 0), (20, 11), (WIDTH - 1, HEIGHT - 1)]:
        assert shown.at(x, y) == tuple(photo[y, x])
    assert Picture(page, "truth").shows_mask(truth(2))
    mask_url = f"{item_of(service, 'streets/03')}/mask"
    mask = httpx.get(mask_url, timeout=PATIENCE_S).content
    assert Picture(page, "prediction").shows_mask(decode_mask(mask))
    assert (decode_mask(mask) == expected_mask(photo)).all()


def test_scores_and_shares_match_the_api(window: Open, service: str) -> None:
    page = window(PICK.format("02"))
    wait_for_prediction(page)
    item = httpx.get(item_of(service, "streets/02"), timeout=PATIENCE_S).json()
    scores = item["result"]["scores"]
    flat = page.get_by_role("row", name="flat").locator("td")
    annotated = (truth(1) == 1).mean()
    assert flat.nth(0).inner_text().strip() == f"{annotated:.1%}"
    assert flat.nth(2).inner_text() == f"{scores['per_category']['flat']['iou']:.1%}"
    assert flat.nth(3).inner_text() == f"{scores['per_category']['flat']['dice']:.1%}"
    assert flat.nth(4).inner_text() == f"{scores['per_category']['flat']['accuracy']:.1%}"
    assert page.locator(".image-scores dd").all_inner_texts() == [
        f"{scores[name]:.1%}" for name in ("mean_iou", "accuracy", "mean_dice")
    ]


def test_the_values_at_the_pointer(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    info = page.locator(".pixel-info")
    Picture(page, "image").point(9, 30)
    expect(info).to_have_text("x 9 · y 30Annotated mask: flatPredicted mask: skydifferent")
    Picture(page, "truth").point(9, 2)
    expect(info).to_have_text("x 9 · y 2Annotated mask: flatPredicted mask: flat")
    hidden = page.locator(".pane:not([hidden]) .crosshair").evaluate_all(
        "all => all.map(each => each.hidden)"
    )
    assert hidden == [False] * 3


def test_a_category_can_be_hidden_and_the_opacity_lowered(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    photo = Picture(page, "image").at(3, 2)
    assert Picture(page, "truth").at(3, 2) == (128, 64, 128)
    page.get_by_label("flat", exact=True).uncheck()
    assert Picture(page, "truth").at(3, 2) == photo
    page.get_by_label("flat", exact=True).check()
    page.mouse.move(5, 5)  # off the legend, which highlights the category
    page.get_by_label("Opacity").fill("50")
    blended = Picture(page, "truth").at(3, 2)
    assert blended == pytest.approx(
        [(a + b) / 2 for a, b in zip(photo, (128, 64, 128), strict=True)], abs=2
    )


def test_the_difference_is_where_the_masks_disagree(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    page.get_by_role("button", name="Difference").click()
    expect(page.locator("[data-pane=prediction] figcaption")).to_have_text("Difference")
    photo, right = np.array(Image.open(io.BytesIO(png(0)))), truth(0)
    share = (expected_mask(photo) != right)[right != 0].mean()
    expect(page.locator(".difference-legend")).to_contain_text(f"Different{share:.1%}")
    shown = Picture(page, "prediction")
    wrong, same, void = shown.at(9, 30), shown.at(9, 2), shown.at(3, 30)
    assert wrong == (255, 59, 48)
    assert max(same) < 90
    assert void[0] == pytest.approx(void[1], abs=40)
    assert len({wrong, same, void}) == 3


def test_all_panes_zoom_and_pan_together(window: Open) -> None:
    page = window(PICK.format("01"))
    wait_for_prediction(page)
    before = Picture(page, "image").placement
    page.locator("[data-pane=truth] canvas").hover()
    page.mouse.wheel(0, -400)
    page.mouse.down()
    page.mouse.move(700, 300, steps=3)
    page.mouse.up()
    expect(page.locator(".zoom")).not_to_have_text("100%")
    first, *others = [Picture(page, name).placement for name in PANES]
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
    page.get_by_label("sky", exact=True).uncheck()
    page.locator("[data-pane=truth] canvas").focus()
    for key in ("+", "+", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_url("**at=*")
    page.wait_for_timeout(500)  # On a busy machine that is the link of the first key.
    other_page = window(page.url.split("/", 3)[3])
    wait_for_prediction(other_page)
    for pane in ("truth", "prediction"):
        one, other = Picture(page, pane), Picture(other_page, pane)
        assert one.placement == other.placement
        assert (one.pixels == other.pixels).all()
    assert other_page.locator(".panes .divider").input_value() == "30"
    assert not other_page.get_by_label("sky", exact=True).is_checked()
    expect(other_page.locator("[data-pane=image]")).to_be_hidden()


def test_a_dropped_file_is_segmented(window: Open) -> None:
    page = window()
    expect(page.locator(".welcome")).to_be_visible()
    drop(page, ".welcome .dropzone", "mine.png", png(900, 40, 60))
    expect(page.get_by_role("heading", level=1)).to_have_text("mine.png")
    wait_for_prediction(page)
    page.get_by_label("Opacity").fill("100")
    assert Picture(page, "prediction").shows_mask(
        expected_mask(np.array(Image.open(io.BytesIO(png(900, 40, 60)))))
    )
    expect(page.locator("[data-pane=truth]")).to_be_hidden()
    expect(page.get_by_role("button", name="mine.png")).to_be_visible()


def test_a_rotated_photo_is_shown_upright_like_its_mask(window: Open) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    page = window()
    drop(
        page,
        ".welcome .dropzone",
        "rotated.jpg",
        encoded(gradient(901), "JPEG", exif=exif, quality=95),
    )
    wait_for_prediction(page)
    page.get_by_label("Opacity").fill("100")
    expect(page.locator(".names .note")).to_contain_text("32 × 48")
    dark, bright = Picture(page, "image").at(30, 20), Picture(page, "image").at(1, 20)
    assert sum(dark) + 300 < sum(bright)
    assert Picture(page, "prediction").at(30, 20) == (128, 64, 128)


def test_a_bad_file_is_explained(window: Open) -> None:
    page = window()
    drop(page, ".welcome .dropzone", "notes.txt", BAD["text"][0])
    refused = page.locator(".rejected")
    expect(refused).to_contain_text("notes.txt")
    expect(refused).to_contain_text("The file is not an image in a known format")
    drop(page, ".welcome .dropzone", "cut.jpg", BAD["truncated"][0])
    message = page.locator("[data-pane=prediction] .message")
    expect(message).to_contain_text("The JPEG data are truncated or corrupt")
    # Trying again changes nothing about the file.
    expect(message.get_by_role("button", name="Try again")).to_have_count(0)


def test_many_bad_files_leave_the_others_in_sight(window: Open) -> None:
    page = window()
    bad: list[FilePayload] = [
        {"name": f"{n}.txt", "mimeType": "text/plain", "buffer": b"text"} for n in range(5)
    ]
    page.locator(".welcome input[type=file]").first.set_input_files(bad)
    expect(page.locator(".uploads .rejected")).to_have_count(5)
    expect(page.locator(".uploads .rejected:visible")).to_have_count(3)
    page.locator(".uploads summary", has_text="2 more files were refused").click()
    expect(page.locator(".uploads .rejected:visible")).to_have_count(5)


def test_an_unknown_image_is_explained(window: Open) -> None:
    page = window("#/segment?image=streets/99")
    expect(page.locator("[data-pane=image] .message")).to_contain_text(
        "There is no image 'streets/99'"
    )


def test_the_catalogue_is_searched_and_used_by_keyboard(window: Open) -> None:
    page = window()
    search = page.get_by_label("Search names")
    search.fill("streets/0")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(9)
    search.press("Tab")
    for _ in ("dataset", "annotated mask", "add a dataset"):
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


def test_every_format_of_the_api_can_be_saved(window: Open, service: str) -> None:
    page = window(PICK.format("05"))
    wait_for_prediction(page)
    page.get_by_text("Download", exact=True).click()
    formats = httpx.get(f"{service}/openapi.json").json()["components"]["schemas"]["MaskFormat"][
        "enum"
    ]
    links = page.locator(".menu a")
    # With the image and the truth, without confidence, which was not requested.
    expect(links).to_have_count(2 + len(formats) - 1)
    with page.expect_download() as saving:
        page.get_by_role("link", name="Category indices").click()
    assert saving.value.suggested_filename == "05.png"
    assert (decode_mask(saving.value.path().read_bytes()).shape) == (HEIGHT, WIDTH)
