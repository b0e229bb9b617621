"""Correcting a mask by pen and fingers: strokes, gestures of two fingers, palms."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.harness.images.worker_images import png
from tests.web.canvas import Picture, wait_for_prediction
from tests.web.catalogue import put
from tests.web.conftest import Open
from tests.web.pointers import Pointers
from tests.web.test_correction import HUMAN
from tests.web.test_walk import PHONE


@pytest.fixture
def page(window: Open) -> Page:
    """A tablet that corrects the mask of an image, with a brush of one pixel."""
    screen = {**PHONE, "viewport": {"width": 820, "height": 1180}}
    page = window("#/segment?image=streets/06&opacity=100&outlines=off", **screen)
    wait_for_prediction(page)
    page.get_by_role("button", name="Correct", exact=True).click()
    page.get_by_label("Brush").fill("1")
    page.get_by_role("radio", name="human").click()
    return page


def test_the_tab_that_is_shown_is_in_view_on_a_phone(window: Open) -> None:
    page = window("#/segment?image=streets/06&show=difference", **PHONE)
    wait_for_prediction(page)
    expect(page.get_by_role("button", name="Difference").first).to_be_in_viewport(ratio=1)


def test_menus_and_legend_are_large_enough_for_a_finger(window: Open) -> None:
    screen = {**PHONE, "viewport": {"width": 360, "height": 740}}
    page = window("#/segment?image=streets/06", **screen)
    wait_for_prediction(page)
    for target in ("select", ".legend tbody tr", ".legend .solo", "input[type=range]"):
        for each in page.locator(f".inspector {target}:visible").all():
            box = each.bounding_box()
            assert box
            assert box["height"] >= 44
            assert box["width"] >= 44


def painted(page: Page) -> list[int]:
    """Columns of row 20 that are painted."""
    picture = Picture(page, "prediction")
    return [x for x in range(48) if picture.at(x, 20) == HUMAN]


def zoom(page: Page) -> str:
    return page.locator("output.zoom").inner_text()


def test_a_finger_paints(page: Page) -> None:
    fingers = Pointers(page)
    fingers.touch("touchStart", (10, 20))
    fingers.touch("touchMove", (14, 20))
    fingers.touch("touchEnd")
    assert painted(page) == [10, 11, 12, 13, 14]


def test_two_fingers_zoom_and_leave_the_strokes_before(page: Page) -> None:
    fingers = Pointers(page)
    fingers.touch("touchStart", (20, 20))
    fingers.touch("touchMove", (28, 20))
    fingers.touch("touchEnd")
    # They come down on what is painted already, so the first of them changes nothing.
    fingers.touch("touchStart", (22, 20))
    fingers.touch("touchStart", (22, 20), (26, 20))
    fingers.touch("touchMove", (18, 20), (30, 20))
    fingers.touch("touchEnd")
    assert zoom(page) != "100%"
    page.get_by_role("button", name="Fit").click()
    assert painted(page) == list(range(20, 29))
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_a_canceled_touch_paints_nothing(page: Page) -> None:
    fingers = Pointers(page)
    fingers.touch("touchStart", (10, 20))
    fingers.touch("touchMove", (20, 20))
    fingers.touch("touchCancel")
    assert painted(page) == []
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_a_pen_that_hovers_paints_nothing(page: Page) -> None:
    pen = Pointers(page)
    for x in range(5, 40):
        pen.pen("hover", (x, 20))
    assert painted(page) == []
    pen.pen("mousePressed", (10, 20))
    pen.pen("mouseMoved", (12, 20))
    pen.pen("mouseReleased", (12, 20))
    pen.pen("hover", (30, 20))
    assert painted(page) == [10, 11, 12]


def test_a_palm_beside_the_pen_is_ignored(page: Page) -> None:
    pen = Pointers(page)
    pen.pen("mousePressed", (10, 20))
    pen.touch("touchStart", (40, 28))
    pen.touch("touchMove", (36, 28))
    pen.pen("mouseMoved", (13, 20))
    pen.touch("touchEnd")
    pen.pen("mouseReleased", (13, 20))
    assert painted(page) == [10, 11, 12, 13]
    assert Picture(page, "prediction").at(40, 28) != HUMAN
    assert zoom(page) == "100%"


def test_a_palm_that_rests_before_the_pen_comes_is_taken_back(page: Page) -> None:
    pen = Pointers(page)
    before = Picture(page, "prediction").at(40, 28)
    pen.touch("touchStart", (40, 28))
    pen.pen("mousePressed", (10, 20))
    pen.pen("mouseMoved", (13, 20))
    pen.touch("touchMove", (38, 28))
    pen.pen("mouseReleased", (13, 20))
    pen.touch("touchEnd")
    assert painted(page) == [10, 11, 12, 13]
    assert Picture(page, "prediction").at(40, 28) == before
    assert zoom(page) == "100%"


def test_the_opacity_changes_while_a_mask_is_corrected(page: Page) -> None:
    page.get_by_label("Opacity").fill("0")
    fingers = Pointers(page)
    fingers.touch("touchStart", (10, 20))
    fingers.touch("touchEnd")
    assert painted(page) == []
    page.get_by_label("Opacity").fill("100")
    assert painted(page) == [10]


def test_a_large_image_is_painted_and_filled(window: Open, service: str) -> None:
    with httpx.Client(base_url=service, timeout=60) as client:
        [sha256] = put(client, "images", [png(8810, width=2048, height=1024)])
    page = window(f"#/segment?image=sha256-{sha256}&opacity=100&outlines=off")
    wait_for_prediction(page)
    page.get_by_role("button", name="Correct", exact=True).click()
    page.get_by_role("radio", name="human").click()
    pen = Pointers(page)
    pen.pen("mousePressed", (200, 500))
    for x in range(240, 1840, 40):
        pen.pen("mouseMoved", (x, 500))
    pen.pen("mouseReleased", (1800, 500))
    assert {Picture(page, "prediction").at(x, 500) for x in range(200, 1801, 50)} == {HUMAN}
    before = Picture(page, "prediction").at(1024, 900)
    page.get_by_role("button", name="Fill").click()
    pen.pen("mousePressed", (1024, 900))
    pen.pen("mouseReleased", (1024, 900))
    assert Picture(page, "prediction").at(1024, 900) == HUMAN
    page.get_by_role("button", name="Undo").click()
    assert Picture(page, "prediction").at(1024, 900) == before
    page.get_by_role("button", name="Undo").click()
    assert Picture(page, "prediction").at(1000, 500) != HUMAN
