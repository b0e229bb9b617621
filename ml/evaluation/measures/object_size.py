"""How well objects are found, by their size: the pixels of small ones hardly move an IoU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadmask.masks.taxonomy import Taxonomy

OBJECT_SIZES = ("small", "medium", "large")
LIMITS = (0.001, 0.01)
"""Shares of the image from which an object is medium, and large."""
FOUND = 0.5
"""Share of its pixels that are right in an object that was found."""


class Objects(NamedTuple):
    """The objects of one category in a truth: its 8-connected pieces."""

    category: int
    places: NDArray[np.int32]
    """The number of each pixel's object, from 1; 0 elsewhere; int32 (H, W)."""
    pixels: NDArray[np.int64]
    """Of each object, int64 (n,)."""
    right: NDArray[np.int64]
    """Those of `pixels` that the mask has right."""

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether each object was found, bool (n,)."""
        return self.right >= FOUND * self.pixels


class ObjectSizeCounts:
    """Objects and pixels of each category by the size of the object. All images are pooled."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        shape = len(OBJECT_SIZES), len(taxonomy)
        self._objects, self._found = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._pixels, self._right = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    def add(self, truth: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """Count one image: truth and mask (H, W)."""
        for each in objects(truth, mask, self._taxonomy):
            sizes = np.digitize(each.pixels / truth.size, LIMITS)
            for size in range(len(OBJECT_SIZES)):
                here = sizes == size
                self._objects[size, each.category] += here.sum()
                self._found[size, each.category] += each.found[here].sum()
                self._pixels[size, each.category] += each.pixels[here].sum()
                self._right[size, each.category] += each.right[here].sum()

    def accuracy(self) -> dict[str, dict[str, float | None]]:
        """By size: the share of right pixels in the objects of each category, and `mean`."""
        return self._shares(self._right, self._pixels)

    def found(self) -> dict[str, dict[str, float | None]]:
        """By size: the share of the objects of each category that were found, and `mean`."""
        return self._shares(self._found, self._objects)

    def objects(self) -> dict[str, dict[str, int]]:
        """By size: the number of objects of each category."""
        return {
            size: {self._taxonomy.names[index]: int(row[index]) for index in self._taxonomy.real}
            for size, row in zip(OBJECT_SIZES, self._objects, strict=True)
        }

    def _shares(
        self, parts: NDArray[np.int64], wholes: NDArray[np.int64]
    ) -> dict[str, dict[str, float | None]]:
        table = {}
        for size, part, whole in zip(OBJECT_SIZES, parts, wholes, strict=True):
            each: dict[str, float | None] = {
                self._taxonomy.names[index]: part[index] / whole[index] if whole[index] else None
                for index in self._taxonomy.real
            }
            known = [share for share in each.values() if share is not None]
            table[size] = each | {"mean": sum(known) / len(known) if known else None}
        return table


def objects(
    truth: NDArray[np.uint8], mask: NDArray[np.uint8], taxonomy: Taxonomy
) -> Iterator[Objects]:
    """The objects of each category that occurs in a truth; truth and mask are (H, W)."""
    for category in taxonomy.real:
        region = truth == category
        if region.any():
            number, places = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
            pixels = np.bincount(places.ravel(), minlength=number)[1:]
            right = np.bincount(places[region & (mask == category)], minlength=number)[1:]
            yield Objects(category, np.asarray(places, np.int32), pixels, right)


def missed_pixels(
    truth: NDArray[np.uint8], mask: NDArray[np.uint8], taxonomy: Taxonomy
) -> NDArray[np.bool_]:
    """The pixels of the objects that were not found, bool (H, W)."""
    missed = np.zeros(truth.shape, np.bool_)
    for each in objects(truth, mask, taxonomy):
        missed |= np.concatenate([[False], ~each.found])[each.places]
    return missed
