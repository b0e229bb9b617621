"""Chromium, and windows that record console errors and where their documents came from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Frame,
    Page,
    ViewportSize,
    sync_playwright,
)

from tests.harness.waiting import PATIENCE_S

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
"""The first is Chromium without the windows of a desktop, and takes about half the time."""
FLAGS = (
    "--no-sandbox",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
"""The last one lets a request to another host fail, which the console tells, as it tells what the
page's policy forbids: counting requests would take as long as a tenth of a load."""
IGNORED_MESSAGES = (
    "Failed to load resource: the server responded with a status of 4",
    "Canvas2D: Multiple readback operations",
)
"""Beginnings of console messages about 4xx answers, which the page explains, and about
`Picture`, which reads canvases."""


def find_chromium() -> str:
    """The path of the browser. Raises `AssertionError` that says how to install one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, (
        "The page's tests need Chromium; on Debian: apt-get install chromium-headless-shell"
    )
    return found


@contextmanager
def phone() -> Iterator[Page]:
    """A browser page 390 pixels wide, without a service."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        size = ViewportSize(width=390, height=844)
        yield chromium.new_page(viewport=size, reduced_motion="reduce")
        chromium.close()


def serious(page: Page) -> list[tuple[str, str]]:
    """The serious and critical findings of axe: the rule, and its first failure."""
    found = Axe().run(page).response["violations"]
    worst = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], rule["nodes"][0]["failureSummary"]) for rule in worst]


class Contexts:
    """Browser contexts of one browser, by their options. No two windows share one at a time.

    A context that is used again has lost its pages, cookies, storage and permissions. It keeps its
    cache and a blank page, without which Chromium would open a window anew: both together halve the
    processor time in which the page loads.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[tuple[BrowserContext, set[str]]]] = {}

    def open_page(self, options: dict[str, Any]) -> Page:
        """A blank page, with nothing stored."""
        if not (free := self._free.get(repr(options))):
            context = self._browser.new_context(**options)
            context.set_default_timeout(1000 * PATIENCE_S)
            context.new_page()
            return context.new_page()
        context, origins = free.pop()
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        for origin in origins:
            devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        devtools.detach()
        return page

    def give_back(self, page: Page, options: dict[str, Any], origins: set[str]) -> None:
        """Close a page and all that it opened. Its origins may have stored something."""
        context = page.context
        for each in context.pages[1:]:
            each.close()
        context.clear_cookies()
        context.clear_permissions()
        self._free.setdefault(repr(options), []).append((context, origins))


class Window:
    """A page that shares no cookies and no storage with another."""

    def __init__(self, contexts: Contexts, options: dict[str, Any]) -> None:
        self._contexts = contexts
        defaults = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}
        self._options = {**defaults, **options}
        self.console_errors: list[str] = []
        self.origins: set[str] = set()
        """Where its documents came from."""
        self.page: Page = contexts.open_page(self._options)
        self.page.on("console", self._record_message)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on("framenavigated", self._record_origin)

    def close(self) -> None:
        self._contexts.give_back(self.page, self._options, self.origins)

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(IGNORED_MESSAGES):
            self.console_errors.append(message.text)

    def _record_origin(self, frame: Frame) -> None:
        url = urlsplit(frame.url)
        if url.scheme.startswith("http"):
            self.origins.add(f"{url.scheme}://{url.netloc}")
