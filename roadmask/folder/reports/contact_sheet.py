"""The contact sheet: one picture of many images beside their overlays, with names and shares."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import starmap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from roadmask.errors import InvalidRequest, RoadmaskError
from roadmask.folder.mask_file import MAX_PIXELS
from roadmask.folder.reports.panels import Panels
from roadmask.folder.results import FileResult
from roadmask.images.sniffing import sniff
from roadmask.masks.taxonomy import CITYSCAPES, Taxonomy

MAX_IMAGES = 60
"""Most images on a sheet. From a longer list, evenly spaced images are chosen."""
COLUMNS = 3
HALF = 300
"""Width of an image and of its overlay, pixels."""
MIN_HEIGHT, MAX_HEIGHT = 120, 400
"""Limits of the height of the images, pixels, which follows from the first image."""
MARGIN, GAP = 28, 20
HEADER, BAR, CAPTION = 92, 8, 48
PAPER, INK, FAINT = (250, 250, 248), (28, 28, 30), (120, 120, 124)


class ContactSheet:
    """Draws results that have masks, below a title."""

    def __init__(self, panels: Panels, title: str, taxonomy: Taxonomy = CITYSCAPES) -> None:
        self._panels = panels
        self._title = title
        self._taxonomy = taxonomy
        self._fonts = {size: ImageFont.load_default(size) for size in (13, 15, 26)}

    def draw(self, results: Sequence[FileResult]) -> NDArray[np.uint8]:
        """The sheet, RGB uint8 (H, W, 3). Raises `InvalidRequest` without any mask."""
        masked = [result for result in results if result.mask]
        if not masked:
            raise InvalidRequest("There is no mask to put on a contact sheet.")
        chosen = _evenly(masked, MAX_IMAGES)
        columns = min(COLUMNS, len(chosen))
        rows = -(-len(chosen) // columns)
        height = self._height(chosen)
        cell = 2 * HALF, height + BAR + CAPTION
        # The legend needs 900 pixels.
        width = max(2 * MARGIN + columns * (cell[0] + GAP) - GAP, 900)
        size = width, HEADER + rows * (cell[1] + GAP) + MARGIN - GAP
        sheet = Image.new("RGB", size, PAPER)
        pen = ImageDraw.Draw(sheet)
        self._head(pen, width, len(chosen), len(masked))
        for place, result in enumerate(chosen):
            row, column = divmod(place, columns)
            at = MARGIN + column * (cell[0] + GAP), HEADER + row * (cell[1] + GAP)
            self._cell(sheet, at, height, result)
        return np.asarray(sheet, np.uint8)

    def _head(self, pen: ImageDraw.ImageDraw, width: int, shown: int, total: int) -> None:
        count = f"{total:,} images" if shown == total else f"{shown} of {total:,} images"
        space = width - 2 * MARGIN - 16 - pen.textlength(count, self._fonts[15])
        title = self._shortened(pen, self._title, 26, space)
        pen.text((MARGIN, 18), title, INK, self._fonts[26])
        after = MARGIN + pen.textlength(title, self._fonts[26]) + 16
        pen.text((after, 28), count, FAINT, self._fonts[15])
        left = float(MARGIN)
        for category in self._taxonomy.categories:
            pen.rectangle((left, 62, left + 13, 75), category.color)
            pen.text((left + 20, 60), category.name, INK, self._fonts[13])
            left += 20 + pen.textlength(category.name, self._fonts[13]) + 22

    def _height(self, chosen: Sequence[FileResult]) -> int:
        for result in chosen:
            with suppress(RoadmaskError, OSError):
                facts = sniff(self._panels.folder / result.image, MAX_PIXELS)
                return min(MAX_HEIGHT, max(MIN_HEIGHT, round(HALF * facts.height / facts.width)))
        return MIN_HEIGHT

    def _cell(
        self, sheet: Image.Image, at: tuple[int, int], height: int, result: FileResult
    ) -> None:
        pen = ImageDraw.Draw(sheet)
        left, top = at
        width = 2 * HALF
        try:
            sheet.paste(Image.fromarray(self._panels.read(result, HALF, height)), at)
        except (RoadmaskError, OSError):
            pen.rectangle((left, top, left + width - 1, top + height - 1), (228, 228, 226))
            pen.text((left + 16, top + 16), "cannot be read", FAINT, self._fonts[15])
        edge = 0.0
        for category in self._taxonomy.categories:
            share = result.shares.get(category.name, 0.0)
            box = (left + round(edge * width), left + round((edge + share) * width) - 1)
            if box[1] >= box[0]:
                below = top + height
                pen.rectangle((box[0], below, box[1], below + BAR - 1), category.color)
            edge += share
        below = top + height + BAR
        name = self._shortened(pen, result.image, 15, width)
        pen.text((left, below + 5), name, INK, self._fonts[15])
        largest = sorted(result.shares.items(), key=lambda share: -share[1])[:5]
        shares = starmap(_percent, (pair for pair in largest if pair[1] >= 0.001))
        pen.text((left, below + 26), "   ".join(shares), FAINT, self._fonts[13])

    def _shortened(self, pen: ImageDraw.ImageDraw, text: str, size: int, width: float) -> str:
        """The text, cut at its beginning to fit, because paths differ at their end."""
        # File names may contain line breaks and bytes that no font can draw.
        text = "".join(
            letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
        )
        line, cut = text, 0
        while pen.textlength(line, self._fonts[size]) > width and cut < len(text):
            cut += 1
            line = f"…{text[cut:]}"
        return line


def _percent(name: str, share: float) -> str:
    return f"{name} {share:.0%}" if share >= 0.0095 else f"{name} {share:.1%}"


def _evenly(results: Sequence[FileResult], most: int) -> list[FileResult]:
    if len(results) <= most:
        return list(results)
    return [results[round(place * (len(results) - 1) / (most - 1))] for place in range(most)]
