"""Links to an image, in a new window and in one that is open."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.web.canvas import Picture, wait_for_prediction
from tests.web.conftest import Open

PANES = {"Image": "image", "Annotated mask": "truth", "Predicted mask": "prediction"}


def swiped(page: Page) -> list[str]:
    """The layers on both sides of the divider, as selected; their pixels must match."""
    choices: list[str] = page.locator(".pair select").evaluate_all(
        "all => all.map((select) => select.selectedOptions[0].textContent)"
    )
    screenshot = page.locator(f"[data-pane={PANES[choices[0]]}] .stage").screenshot()
    screen = np.array(Image.open(io.BytesIO(screenshot)).convert("RGB")).astype(int)
    height, width, _ = screen.shape
    for name, column in zip(choices, (width // 4, 3 * width // 4), strict=True):
        picture = Picture(page, PANES[name]).pixels[..., :3]
        rows = slice(height // 8, 7 * height // 8)
        assert np.abs(screen[rows, column] - picture[rows, column]).max() < 4, name
    return choices


def test_a_link_is_followed_in_an_open_window(window: Open) -> None:
    page = window("#/segment?image=many/007")
    wait_for_prediction(page)
    page.goto(f"{page.url.partition('#')[0]}#/segment?image=streets/05&dataset=streets&q=streets/0")
    wait_for_prediction(page)
    expect(page.get_by_label("Dataset")).to_have_value("streets")
    expect(page.get_by_label("Search names")).to_have_value("streets/0")
    expect(page.get_by_role("option", name="streets/05")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(9)


def test_a_link_may_have_question_marks_and_hashes_as_they_are(window: Open) -> None:
    """RFC 3986, 3.5: a fragment may hold `?`; chats and mail decode what the page wrote as %3F."""
    page = window("#/segment?image=streets/why?#not.jpg")
    message = page.locator("[data-pane=image] .message")
    expect(message).to_contain_text("streets/why?#not.jpg")


def test_an_image_without_truth_is_swiped_over_its_prediction(window: Open) -> None:
    page = window("#/segment?image=streets/11&dataset=streets&layout=swipe&pair=truth,image")
    wait_for_prediction(page)
    assert swiped(page) == ["Annotated mask", "Image"]
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_have_text("streets/12")
    wait_for_prediction(page)
    assert swiped(page) == ["Image", "Predicted mask"]


def test_a_failure_is_shown_in_the_swipe_layout(window: Open) -> None:
    page = window("#/segment?image=streets/99&layout=swipe&pair=truth,prediction")
    expect(page.locator("[data-pane=image] .message")).to_contain_text("There is no image")
    # Nothing is offered that needs the image.
    for part in (".toolbar", ".legend", "summary >> text=Download"):
        expect(page.locator(part)).to_be_hidden()
