"""Reads the canvases of the page, to compare their pixels with images and masks."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from roadmask.masks.taxonomy import CITYSCAPES

READ = """async (canvas) => {
  // Pending changes are drawn with the next frame.
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
  return [canvas.toDataURL('image/png'), canvas.dataset.placement];
}"""
PANES = ("image", "truth", "prediction")


def wait_for_prediction(page: Page) -> None:
    """Wait until the predicted mask and its shares are shown."""
    expect(page.locator(".inspector")).to_have_attribute("aria-busy", "false")
    expect(page.locator("[data-pane=prediction] .message")).to_be_hidden()
    expect(page.locator(".legend tbody tr").nth(1).locator("td.number").last).not_to_have_text("–")


class Picture:
    """A screenshot of a pane: `pixels` uint8 (H, W, 4), and the placement of the image."""

    def __init__(self, page: Page, pane: str) -> None:
        self._canvas = page.locator(f"[data-pane={pane}] canvas")
        url, placement = self._canvas.evaluate(READ)
        png = base64.b64decode(url.partition(",")[2])
        self.pixels = np.array(Image.open(io.BytesIO(png)).convert("RGBA"))
        self.placement: dict[str, float] = json.loads(placement)

    def enlarged(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """An image (H, W, 3) enlarged to the pane by nearest neighbour, and where it lies."""
        rows, row_is_inside = self._sources(self.pixels.shape[0], "top", image.shape[0])
        columns, column_is_inside = self._sources(self.pixels.shape[1], "left", image.shape[1])
        return image[np.ix_(rows, columns)], np.outer(row_is_inside, column_is_inside)

    def shows_mask(self, mask: NDArray[np.uint8]) -> bool:
        """Whether every screen pixel has exactly the colour of its category."""
        expected, inside = self.enlarged(CITYSCAPES.palette[mask])
        opaque = (self.pixels[..., 3] == 255) == inside
        return bool(opaque.all() and (self.pixels[..., :3] == expected)[inside].all())

    def at(self, x: int, y: int) -> tuple[int, int, int]:
        """The colour at the centre of an image pixel."""
        scale, left, top = (self.placement[name] for name in ("scale", "left", "top"))
        red, green, blue, _ = self.pixels[
            int(top + (y + 0.5) * scale), int(left + (x + 0.5) * scale)
        ]
        return int(red), int(green), int(blue)

    def point(self, x: int, y: int) -> None:
        """Move the mouse to an image pixel."""
        scale, left, top = (self.placement[name] for name in ("scale", "left", "top"))
        self._canvas.hover(position={"x": left + (x + 0.5) * scale, "y": top + (y + 0.5) * scale})

    def _sources(
        self, length: int, side: str, size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        at = np.floor((np.arange(length) + 0.5 - self.placement[side]) / self.placement["scale"])
        inside = (at >= 0) & (at < size)
        return np.where(inside, at, 0).astype(np.int64), inside
