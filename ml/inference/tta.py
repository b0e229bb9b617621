"""Test-time augmentation: the mean prediction over several scales and the mirrored image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.inference.segmenter import PLAIN, Segmenter, Size, TtaView
from ml.inference.upsampling import upsample_mask, upsample_probabilities
from roadmask.errors import InvalidRequest

LARGEST_SCALE = 8.0
"""Largest scale of a side. It takes 64 times the pixels, and the memory, of serving."""


def tta_views(scales: Sequence[float] = (1.0,), mirror: bool = False) -> tuple[TtaView, ...]:
    """One view for each scale, and its mirrored view if `mirror`. Raises `InvalidRequest` for
    scales out of range.
    """
    if not scales or not all(1 / LARGEST_SCALE <= scale <= LARGEST_SCALE for scale in scales):
        raise InvalidRequest(
            f"Scales are one or more numbers from {1 / LARGEST_SCALE:g} to {LARGEST_SCALE:g}, "
            f"1 being the size of serving; these are {', '.join(f'{s:g}' for s in scales)}."
        )
    sides = (False, True) if mirror else (False,)
    return tuple(TtaView(scale, side) for scale in dict.fromkeys(scales) for side in sides)


@dataclass(frozen=True, slots=True)
class TtaPrediction:
    """The logits of one image in each view. They are upsampled on demand."""

    logits: list[NDArray[np.float32]]
    """The logits of each view, float32 (n, h, w)."""
    height: int
    width: int
    """Width of the image; `height` is its height."""
    categories: NDArray[np.uint8]
    """The categories of the n planes, uint8 (n,)."""

    def probabilities(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The mean probabilities of the views: rows and float32 (n, rows, width), strip by strip.

        Views of different sizes are averaged at the image's own size.
        """
        views = [upsample_probabilities(logits, self.height, self.width) for logits in self.logits]
        for strips in zip(*views, strict=True):
            total = strips[0][1]
            for _, strip in strips[1:]:
                total += strip
            total /= len(strips)
            yield strips[0][0], total

    def confidence(self) -> NDArray[np.float32]:
        """The highest probability of every pixel, float32 (H, W)."""
        confidence = np.empty((self.height, self.width), np.float32)
        for rows, strip in self.probabilities():
            strip.max(axis=0, out=confidence[rows])
        return confidence

    def mask(self) -> NDArray[np.uint8]:
        """The most probable category of every pixel, uint8 (H, W). One view gives the mask that
        serving gives.
        """
        if len(self.logits) == 1:
            return upsample_mask(self.logits[0], self.height, self.width, self.categories)
        mask = np.empty((self.height, self.width), np.uint8)
        for rows, strip in self.probabilities():
            mask[rows] = self.categories[strip.argmax(axis=0)]
        return mask


def predict_views(
    segmenter: Segmenter,
    images: Sequence[NDArray[np.uint8]],
    views: Sequence[TtaView] = (PLAIN,),
    sizes: Sequence[Size] | None = None,
) -> list[TtaPrediction]:
    """The predictions for RGB images uint8 (H, W, 3), each seen in every view.

    `sizes` are those of the masks, if images were decoded at a reduced size.
    """
    logits = [segmenter.logits(images, view, sizes) for view in views]
    sizes = sizes or [image.shape[:2] for image in images]
    return [
        TtaPrediction(list(each), height, width, segmenter.answers)
        for (height, width), *each in zip(sizes, *logits, strict=True)
    ]
