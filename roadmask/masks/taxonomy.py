"""Taxonomy: the categories of a mask's indices, and their Cityscapes ids.

Source: the Cityscapes label table (Cordts et al., CVPR 2016, `cityscapesscripts.helpers.labels`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import UnknownCategory


@dataclass(frozen=True, slots=True)
class Category:
    """One label: its index in masks, its name and its RGB colour."""

    index: int
    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True)
class Taxonomy:
    """An ordered set of categories with a palette and the index that means "no label"."""

    name: str
    categories: tuple[Category, ...]
    void: int = 0

    def __len__(self) -> int:
        return len(self.categories)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Category names in index order."""
        return tuple(category.name for category in self.categories)

    @cached_property
    def real(self) -> tuple[int, ...]:
        """Indices of the categories that are scored: all except void."""
        return tuple(c.index for c in self.categories if c.index != self.void)

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """RGB colours, uint8, shape (256, 3); indices beyond the taxonomy are black."""
        palette = np.zeros((256, 3), np.uint8)
        for category in self.categories:
            palette[category.index] = category.color
        return palette

    def index(self, name: str) -> int:
        """The index of a category by name. Raises `UnknownCategory`."""
        try:
            return self.names.index(name)
        except ValueError:
            raise UnknownCategory(
                f"{name!r} is not a category of {self.name}; choose from {', '.join(self.names)}."
            ) from None


CITYSCAPES = Taxonomy(
    name="cityscapes-8",
    categories=tuple(
        Category(index, name, color)
        for index, (name, color) in enumerate(
            (
                ("void", (0, 0, 0)),
                ("flat", (128, 64, 128)),
                ("construction", (70, 70, 70)),
                ("object", (220, 220, 0)),
                ("nature", (107, 142, 35)),
                ("sky", (70, 130, 180)),
                ("human", (220, 20, 60)),
                ("vehicle", (0, 0, 142)),
            )
        )
    ),
)


def lookup(table: dict[int, int], default: int = CITYSCAPES.void) -> NDArray[np.uint8]:
    """A lookup table, uint8 of shape (256,); indices not in `table` map to `default`."""
    lut = np.full(256, default, np.uint8)
    for source, target in table.items():
        lut[source] = target
    return lut


CATEGORY_TO_LABEL_ID = lookup(dict(enumerate((0, 7, 11, 17, 21, 23, 24, 26))))
"""Category to the Cityscapes label id of its most common label: unlabeled, road, building, pole,
vegetation, sky, person, car."""

CATEGORY_TO_TRAIN_ID = lookup(dict(enumerate((255, 0, 2, 5, 8, 10, 11, 13))), default=255)
"""Category to the Cityscapes train id of the same labels; 255 is ignored."""
