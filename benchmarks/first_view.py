"""`python -m benchmarks.first_view`: how soon the page shows something with 100,000 images."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from playwright.sync_api import Browser, sync_playwright

from benchmarks.harness import pictures
from benchmarks.harness.section import Section, median_and_range, options
from benchmarks.scale import redis_of
from roadmask import Client, Stack
from roadmask.schemas.images import Image
from roadmask.settings import Settings
from storage.access.ownership import Ownership
from storage.catalogue.index import CatalogueIndex
from storage.connections import open_store
from tests.web.browser import find_chromium

EXPLANATION = """
The page of a service without workers, opened at a dataset in a new browser window without a cache:
seconds from the navigation to the first content (paint timing of the browser), and to the moment at
which 12 thumbnails are drawn. *New*: the service makes these thumbnails now.
"""
DIFFERENT = 64
"""Images of different bytes; the others are further names of them."""
SHOWN = 12
FIRST_CONTENT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
THUMBNAILS = f"""() => {{
  const drawn = [...document.querySelectorAll('.cell .thumbnail')]
    .filter((image) => image.complete && image.naturalWidth > 1);
  return drawn.length >= {SHOWN} && performance.now() / 1000;
}}"""


def fill(stack: Stack, client: Client, count: int) -> None:
    """Put `count` images into the dataset `large`."""
    uploads = [client.upload(data) for data in pictures.jpegs(DIFFERENT, (480, 360))]
    redis = redis_of(stack.data_dir)
    ownership = Ownership(redis, open_store(Settings(data_dir=stack.data_dir)))
    index = CatalogueIndex(redis, ownership)
    index.add([_entry(uploads[n % DIFFERENT], n) for n in range(count)])


def _entry(upload: Image, number: int) -> Image:
    facts = {"id": f"large/{number:06d}", "dataset": "large", "created_at": datetime.now(UTC)}
    return upload.model_copy(update=facts)


def times(browser: Browser, url: str) -> tuple[float, float]:
    """Seconds until the first content, and until the first thumbnails."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{url}/#/segment?dataset=large")
    thumbnails = float(page.wait_for_function(THUMBNAILS, timeout=60_000).json_value())
    first = float(page.evaluate(FIRST_CONTENT))
    context.close()
    return first, thumbnails


def measured(stack: Stack, repeats: int) -> Iterator[tuple[str, str]]:
    """What was measured, and its seconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        _, new = times(browser, stack.url)
        firsts, thumbnails = zip(*(times(browser, stack.url) for _ in range(repeats)), strict=True)
        browser.close()
    yield "first content", f"{median_and_range(firsts, 2)} s"
    yield f"first {SHOWN} thumbnails", f"{median_and_range(thumbnails, 2)} s"
    yield f"first {SHOWN} thumbnails, new", f"{new:.2f} s"


@click.command()
@click.option("--images", default=100_000, show_default=True, help="Images of the dataset.")
@click.option("--repeats", default=5, show_default=True)
@options
def main(images: int, repeats: int, smoke: bool, out: Path | None) -> None:
    """Print the table."""
    if smoke:
        images, repeats = 2_000, 1
    with (
        tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder,
        Stack(Path(folder) / "data", port=0, workers=0) as stack,
        stack.client() as client,
    ):
        fill(stack, client, images)
        rows = list(measured(stack, repeats))
    head = (f"with {images:,} images", "")
    Section("first_view", "The first view of the page", EXPLANATION, head, rows).publish(out)


if __name__ == "__main__":
    main()
