"""Browsers that are set up unlike most: no storage, narrow screens, forced colours, French."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.web.canvas import wait_for_prediction
from tests.web.conftest import Open

NO_STORAGE = """for (const name of ['localStorage', 'sessionStorage']) {
  Object.defineProperty(window, name, {
    get() { throw new DOMException('Access is denied', 'SecurityError'); },
  });
}"""
BROKEN_LINES = """async () => {
  const start = document.querySelector('script[type=module]').src;
  const { default: plain } = await import(new URL('words/fr.js', start));
  const { t } = await import(new URL('lib/i18n.js', start));
  return Object.keys(plain).map((key) => t(key)).filter((text) => / [;:?!»%]|« /.test(text));
}"""
COLOURS = "all => all.map((each) => getComputedStyle(each).backgroundColor)"


def test_a_browser_that_keeps_nothing_shows_the_page(browser: Browser, service: str) -> None:
    """As Chromium does that blocks all cookies."""
    context = browser.new_context(locale="en-GB")
    context.add_init_script(NO_STORAGE)
    page = context.new_page()
    page.goto(f"{service}/#/segment?image=streets/02")
    wait_for_prediction(page)
    page.get_by_label("Language").select_option("Français")
    expect(page.get_by_role("link", name="Travaux")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [320, 360])
def test_a_narrow_phone_shows_the_whole_header(window: Open, width: int) -> None:
    size = {"width": width, "height": 640}
    page = window("#/service", locale="fr-FR", viewport=size, has_touch=True, is_mobile=True)
    expect(page.locator(".service table").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    expect(page.get_by_label("Thème")).to_be_in_viewport(ratio=1)


def test_forced_colours_keep_those_of_the_categories(window: Open) -> None:
    plain, forced = (
        window("#/segment?image=streets/02", forced_colors=mode) for mode in ("none", "active")
    )
    for page in (plain, forced):
        wait_for_prediction(page)
    colours = plain.locator(".legend .swatch").evaluate_all(COLOURS)
    assert len(set(colours)) == 8
    assert forced.locator(".legend .swatch").evaluate_all(COLOURS) == colours


def test_no_line_of_french_begins_with_a_punctuation_mark(window: Open) -> None:
    assert window("#/service", locale="fr-FR").evaluate(BROKEN_LINES) == []
