"""Exhibits: the images where masks are worst, kept as pictures that a report can show."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from roadmask.categories import Taxonomy
from roadmask.masks import overlay
from roadmask.pixels import encode_jpeg

PANEL_WIDTH = 640
"""Pictures in a report are at most this wide, pixels."""

WRONG, RIGHTED, STILL_WRONG = (255, 88, 28), (0, 205, 140), (130, 175, 255)
"""RGB: newly or simply wrong; wrong before and right now; wrong before and now, otherwise."""

_OPACITY = 0.65


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture with its title."""

    title: str
    uri: str
    """A `data:` URI of a JPEG."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One image of a report."""

    name: str
    facts: Sequence[str]
    """What there is to say of it, each a short phrase."""
    panels: Sequence[Panel]


class Worst:
    """The exhibits with the lowest values; of all others nothing is kept."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[float, int, Exhibit]] = []
        self._offered = 0

    def offer(self, value: float, make: Callable[[], Exhibit]) -> None:
        """Keep the exhibit if its value is among the lowest; only then is it made."""
        self._offered += 1
        full = len(self._heap) >= self._count
        if np.isnan(value) or not self._count or (full and -value <= self._heap[0][0]):
            return
        # The heap's first is the highest value; of equal ones the latest goes first.
        push = heapq.heapreplace if full else heapq.heappush
        push(self._heap, (-value, -self._offered, make()))

    def __iter__(self) -> Iterator[Exhibit]:
        """The worst first."""
        ordered = sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))
        return (exhibit for _, _, exhibit in ordered)


@dataclass(frozen=True)
class Canvas:
    """An image brought to the size of panels, and masks painted over it."""

    image: NDArray[np.uint8]
    """RGB, uint8 (H, W, 3)."""
    taxonomy: Taxonomy

    @classmethod
    def of(cls, image: NDArray[np.uint8], taxonomy: Taxonomy) -> Canvas:
        """The canvas of an image of any size."""
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


def largest(
    counts: NDArray[np.int64], taxonomy: Taxonomy, count: int = 3
) -> list[tuple[str, str, int]]:
    """The most frequent exchanges off the diagonal of counts (n, n): from, to, pixels."""
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
