"""Correcting a mask: painted, filled, undone, and saved as the annotated mask of the image."""

from __future__ import annotations

import httpx
import numpy as np
from playwright.sync_api import Dialog, expect

from roadmask.masks.codec import decode_mask
from tests.web.canvas import Picture, wait_for_prediction
from tests.web.catalogue import HEIGHT, WIDTH
from tests.web.conftest import Open
from tests.web.painting import correct, drag

FLAT, HUMAN = (128, 64, 128), (220, 20, 60)


def test_a_stroke_is_painted_undone_and_redone(window: Open) -> None:
    page = correct(window, "streets/04")
    before = Picture(page, "prediction").at(20, 20)
    page.get_by_role("radio", name="human").click()
    drag(page, (10, 20), (30, 20))
    for x in (10, 20, 30):
        assert Picture(page, "prediction").at(x, 20) == HUMAN
    assert Picture(page, "prediction").at(20, 22) != HUMAN
    page.keyboard.press("Control+z")
    assert Picture(page, "prediction").at(20, 20) == before
    page.get_by_role("button", name="Redo").click()
    assert Picture(page, "prediction").at(20, 20) == HUMAN
    page.get_by_role("button", name="Fill").click()
    page.get_by_role("radio", name="flat").click()
    drag(page, (20, 20), (20, 20))
    assert Picture(page, "prediction").at(12, 20) == FLAT
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Cancel").click()
    assert Picture(page, "prediction").at(20, 20) == FLAT, "strokes are not lost without a question"
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    assert Picture(page, "prediction").at(20, 20) == before


def test_a_correction_becomes_the_truth(window: Open, service: str) -> None:
    page = correct(window, "many/100")
    page.get_by_role("radio", name="human").click()
    drag(page, (5, 5), (40, 5))
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Next image").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("many/100")
    page.get_by_role("button", name="Save as annotated mask").click()
    expect(page.locator(".notice")).to_contain_text("Saved as the annotated mask")
    image = httpx.get(f"{service}/v1/images/many/100").json()
    truth = decode_mask(httpx.get(image["truth_url"]).content)
    assert truth.shape == (HEIGHT, WIDTH)
    assert (truth[5, 5:41] == 6).all()
    assert np.count_nonzero(truth == 6) < 40
    assert image["earlier_truths"] == []
    expect(page.get_by_role("button", name="Side by side")).to_have_attribute(
        "aria-pressed", "true"
    )
    wait_for_prediction(page)
    assert Picture(page, "truth").shows_mask(truth)


def test_corrections_are_not_lost_without_a_question(window: Open) -> None:
    page = correct(window, "streets/05")
    page.get_by_role("radio", name="human").click()
    drag(page, (10, 20), (30, 20))
    questions: list[str] = []

    def stay(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", stay)
    shown = page.url
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Jobs").click()
    with page.expect_event("dialog"):
        page.evaluate("() => { location.hash = '#/segment?image=streets/06'; }")
    with page.expect_event("dialog"):
        page.get_by_label("Language").select_option("fr")
    assert len(questions) == 3
    assert page.url == shown
    expect(page.get_by_label("Language")).to_have_value("en")
    assert Picture(page, "prediction").at(20, 20) == HUMAN
    page.remove_listener("dialog", stay)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
