"""Gallery: the images with the worst masks, as pictures for a report."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from roadmask.images.decoding import encode_jpeg
from roadmask.masks.codec import overlay
from roadmask.masks.taxonomy import Taxonomy

PANEL_WIDTH = 640
"""Largest width of a picture in a report, pixels."""

WRONG, RIGHTED, STILL_WRONG = (255, 88, 28), (0, 205, 140), (130, 175, 255)
"""RGB colours: wrong (or newly wrong); wrong before and right now; wrong before and wrong otherwise
now.
"""

_OPACITY = 0.65


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture with its title."""

    title: str
    uri: str
    """A `data:` URI of a JPEG."""


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image of a report."""

    name: str
    facts: Sequence[str]
    """Facts about it, each a short phrase."""
    panels: Sequence[Panel]


class WorstImages:
    """Keeps the images with the lowest values. All others are dropped."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[float, int, GalleryImage]] = []
        self._offered = 0

    def offer(self, value: float, make: Callable[[], GalleryImage]) -> None:
        """Keep the image if its value is among the lowest. Only then is it made."""
        self._offered += 1
        full = len(self._heap) >= self._count
        if np.isnan(value) or not self._count or (full and -value <= self._heap[0][0]):
            return
        # The heap's first is the highest value; of equal ones the latest goes first.
        push = heapq.heapreplace if full else heapq.heappush
        push(self._heap, (-value, -self._offered, make()))

    def __iter__(self) -> Iterator[GalleryImage]:
        """Iterate from the worst."""
        ordered = sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))
        return (gallery_image for _, _, gallery_image in ordered)


@dataclass(frozen=True)
class PanelPainter:
    """Paints masks and marks over an image at the size of a report's pictures."""

    image: NDArray[np.uint8]
    """RGB, uint8 (H, W, 3)."""
    taxonomy: Taxonomy

    @classmethod
    def of(cls, image: NDArray[np.uint8], taxonomy: Taxonomy) -> PanelPainter:
        """A painter for an image of any size."""
        height, width = image.shape[:2]
        if width > PANEL_WIDTH:
            size = (PANEL_WIDTH, max(1, round(height * PANEL_WIDTH / width)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return cls(image, taxonomy)

    def photo(self, title: str) -> Panel:
        """The image itself."""
        return _panel(title, self.image)

    def mask(self, title: str, mask: NDArray[np.uint8]) -> Panel:
        """A mask uint8 (H, W) of any size, in the categories' colours over the image."""
        return _panel(title, overlay(self.image, self._fit(mask), _OPACITY, self.taxonomy))

    def marks(self, title: str, *marks: tuple[NDArray[np.bool_], tuple[int, int, int]]) -> Panel:
        """Pixels bool (H, W) of any size, each set in its colour, over the image in faint grey."""
        grey = cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)[..., None]
        picture = np.repeat(grey // 2 + 64, 3, axis=2).astype(np.uint8)
        for pixels, color in marks:
            picture[self._fit(pixels.astype(np.uint8)) > 0] = color
        return _panel(title, picture)

    def _fit(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = self.image.shape[:2]
        return np.asarray(
            cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8
        )


def largest_confusions(
    counts: NDArray[np.int64], taxonomy: Taxonomy, count: int = 3
) -> list[tuple[str, str, int]]:
    """The most frequent confusions in counts (n, n): truth, prediction, pixels."""
    apart = counts.copy()
    np.fill_diagonal(apart, 0)
    order = np.argsort(-apart, axis=None, kind="stable")[:count]
    places = [divmod(int(place), len(apart)) for place in order]
    return [
        (taxonomy.names[row], taxonomy.names[column], int(apart[row, column]))
        for row, column in places
        if apart[row, column]
    ]


def _panel(title: str, picture: NDArray[np.uint8]) -> Panel:
    code = base64.b64encode(encode_jpeg(picture)).decode("ascii")
    return Panel(title, f"data:image/jpeg;base64,{code}")
