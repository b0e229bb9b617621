"""Painting on a mask with the mouse."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.canvas import Picture, wait_for_prediction
from tests.web.conftest import Open


def correct(window: Open, image: str) -> Page:
    page = window(f"#/segment?image={image}&opacity=100")
    wait_for_prediction(page)
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator(".correction")).to_be_visible()
    page.get_by_label("Brush").fill("1")
    return page


def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Draw with the mouse from one image pixel to another."""
    picture = Picture(page, "prediction")
    picture.point(*start)
    page.mouse.down()
    picture.point(*end)
    page.mouse.up()
