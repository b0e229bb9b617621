"""The three main uses of the page in Firefox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.images.worker_images import png
from tests.web.catalogue import run_job
from tests.web.firefox import FirefoxPage, firefox_page

HEADING = "[...document.querySelectorAll('h1')].find((h) => h.checkVisibility())?.textContent"
MASKED = """(() => {
  const inspector = document.querySelector('.inspector');
  const canvas = document.querySelector('[data-pane=prediction] canvas');
  if (inspector?.ariaBusy !== 'false' || !canvas?.checkVisibility()) return 0;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colors = new Set();
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3] === 255) colors.add(data.slice(at, at + 3).join());
  return colors.size;
})()"""
"""Number of colours in the predicted mask, once it is shown."""


@pytest.fixture(scope="module")
def page() -> Iterator[FirefoxPage]:
    with firefox_page() as page:
        page.resize(1280, 800)
        yield page
        assert page.errors == []


def test_a_sample_is_one_click_from_its_mask(page: FirefoxPage, service: str) -> None:
    page.goto(f"{service}/")
    page.click("button", "Dusk")
    page.wait_for(f"{HEADING} === 'dusk.jpg'")
    assert page.wait_for(MASKED) > 1


def test_an_own_photo_gets_its_mask(page: FirefoxPage, service: str, tmp_path: Path) -> None:
    photo = tmp_path / "my photo.png"
    photo.write_bytes(png(99))
    page.goto(f"{service}/")
    page.wait_for("document.querySelector('input[type=file]')?.isConnected")
    page.choose_file("input[type=file]", photo)
    page.wait_for(f"{HEADING} === 'my photo.png'")
    assert page.wait_for(MASKED) > 1


def test_a_job_is_followed_to_a_mask(page: FirefoxPage, service: str) -> None:
    job = run_job(service, {"dataset": "streets", "name": "in Firefox"})
    page.goto(f"{service}/#/jobs?job={job}")
    page.wait_for(f"{HEADING}.includes('in Firefox')")
    page.goto(f"{service}/#/segment?job={job}&item=2")
    page.wait_for(f"{HEADING} === 'streets/03'")
    assert page.wait_for(MASKED) > 1
