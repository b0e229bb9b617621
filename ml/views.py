"""Views: one answer from several looks at an image, at several scales and mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.segmenter import PLAIN, Segmenter, View
from ml.upsizing import soften, upsize
from roadmask.errors import InvalidRequest

LARGEST_SCALE = 8.0
"""Sides: 64 times the pixels, and the memory, of serving."""


def views(scales: Sequence[float] = (1.0,), mirror: bool = False) -> tuple[View, ...]:
    """Every scale, each mirrored too if asked for. Raises `InvalidRequest` for odd scales."""
    if not scales or not all(1 / LARGEST_SCALE <= scale <= LARGEST_SCALE for scale in scales):
        raise InvalidRequest(
            f"Scales are one or more numbers from {1 / LARGEST_SCALE:g} to {LARGEST_SCALE:g}, "
            f"1 being the size of serving; these are {', '.join(f'{s:g}' for s in scales)}."
        )
    sides = (False, True) if mirror else (False,)
    return tuple(View(scale, side) for scale in dict.fromkeys(scales) for side in sides)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network says of one image: its logits for each view, made large when asked for."""

    logits: list[NDArray[np.float32]]
    """Of each view, float32 (n, h, w)."""
    height: int
    width: int
    """Of the image."""
    categories: NDArray[np.uint8]
    """Of the n planes."""

    def probabilities(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The mean of the views' probabilities: rows and float32 (n, rows, width), strip by strip.

        The images' own size is where views of different sizes meet.
        """
        looks = [soften(logits, self.height, self.width) for logits in self.logits]
        for strips in zip(*looks, strict=True):
            total = strips[0][1]
            for _, strip in strips[1:]:
                total += strip
            total /= len(strips)
            yield strips[0][0], total

    def mask(self) -> NDArray[np.uint8]:
        """The most probable category of every pixel, uint8 (H, W); that of serving for one view."""
        if len(self.logits) == 1:
            return upsize(self.logits[0], self.height, self.width, self.categories)
        mask = np.empty((self.height, self.width), np.uint8)
        for rows, strip in self.probabilities():
            mask[rows] = self.categories[strip.argmax(axis=0)]
        return mask


def answer(
    segmenter: Segmenter, images: Sequence[NDArray[np.uint8]], looks: Sequence[View] = (PLAIN,)
) -> list[Answer]:
    """The answers for RGB images uint8 (H, W, 3), each seen in every view."""
    seen = [segmenter.logits(images, view) for view in looks]
    return [
        Answer(list(logits), image.shape[0], image.shape[1], segmenter.answers)
        for image, *logits in zip(images, *seen, strict=True)
    ]
