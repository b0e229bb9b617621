"""Chromium, and windows that record console errors and requested hosts."""

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

from tests.harness.waiting import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
IGNORED_MESSAGES = (
    "Failed to load resource: the server responded with a status of 4",
    "Canvas2D: Multiple readback operations",
)
"""Beginnings of console messages about 4xx answers, which the page explains, and about
`Picture`, which reads canvases."""


def find_chromium() -> str:
    """The path of the browser. Raises `AssertionError` that says how to install one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, "The page's tests need Chromium; on Debian: apt-get install chromium"
    return found


@contextmanager
def phone() -> Iterator[Page]:
    """A browser page 390 pixels wide, without a service."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        size = ViewportSize(width=390, height=844)
        yield chromium.new_page(viewport=size, reduced_motion="reduce")
        chromium.close()


def serious(page: Page) -> list[tuple[str, str]]:
    """The serious and critical findings of axe: the rule, and its first failure."""
    found = Axe().run(page).response["violations"]
    worst = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], rule["nodes"][0]["failureSummary"]) for rule in worst]


class Window:
    """A page in its own browser context, which shares no cookies, storage or cache."""

    def __init__(self, browser: Browser, options: dict[str, Any]) -> None:
        defaults = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}
        self._context = browser.new_context(**{**defaults, **options})
        self._context.set_default_timeout(1000 * PATIENCE_S)
        self.console_errors: list[str] = []
        self.hosts: set[str] = set()
        self.page: Page = self._context.new_page()
        self.page.on("console", self._record_message)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        self.page.on("request", self._record_host)

    def close(self) -> None:
        self._context.close()

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(IGNORED_MESSAGES):
            self.console_errors.append(message.text)

    def _record_host(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme.startswith("http"):
            self.hosts.add(f"{url.scheme}://{url.netloc}")
