"""Chromium, and a window of it that writes down what a reader would not see."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOTES = (
    "Failed to load resource: the server responded with a status of 4",
    "Canvas2D: Multiple readback operations",
)
"""Of Chromium's own notes those about answers that the page explains, and about these tests."""


def find_chromium() -> str:
    """The path of the browser. AssertionError that says how to get one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, "The page's tests need Chromium; on Debian: apt-get install chromium"
    return found


@contextmanager
def phone() -> Iterator[Page]:
    """A page that needs no service, 390 pixels wide."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        size = ViewportSize(width=390, height=844)
        yield chromium.new_page(viewport=size, reduced_motion="reduce")
        chromium.close()


def serious(page: Page) -> list[tuple[str, str]]:
    """What axe finds serious or worse on a page: the rule, and the first place."""
    found = Axe().run(page).response["violations"]
    worst = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], rule["nodes"][0]["failureSummary"]) for rule in worst]


class Window:
    """A page in a context of its own: no cookies, no storage, no cache of others."""

    def __init__(self, browser: Browser, options: dict[str, Any]) -> None:
        defaults = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}
        self._context = browser.new_context(**{**defaults, **options})
        self._context.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page: Page = self._context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._note)

    def close(self) -> None:
        self._context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(NOTES):
            self.complaints.append(message.text)

    def _note(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme.startswith("http"):
            self.hosts.add(f"{where.scheme}://{where.netloc}")
