"""Calibration: whether pixels that the network is 80 % sure of are right 80 % of the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import CITYSCAPES


@dataclass(frozen=True, slots=True)
class Bin:
    """The pixels with a confidence above `low` and up to `high`."""

    low: float
    high: float
    pixels: int
    confidence: float | None
    """Their mean confidence; `None` where there are none."""
    accuracy: float | None
    """The share of them that is right; `None` where there are none."""


class Calibration:
    """Expected calibration error over bins of equal width (Guo et al., ICML 2017).

    Pixels of all images are pooled; void pixels of the truth are ignored.
    """

    def __init__(self, bins: int = 15, void: int = CITYSCAPES.void) -> None:
        self._bins = bins
        self._void = void
        self._pixels = np.zeros(bins, np.int64)
        self._right = np.zeros(bins, np.int64)
        self._confidence = np.zeros(bins, np.float64)

    def add(
        self,
        truth: NDArray[np.uint8],
        prediction: NDArray[np.uint8],
        confidence: NDArray[np.float32],
    ) -> None:
        """Count one image: truth, mask, and the probability of the mask's category, all (H, W).

        Raises `InvalidRequest` when these shapes differ.
        """
        if not truth.shape == prediction.shape == confidence.shape:
            raise InvalidRequest(
                f"The truth is {truth.shape}, the prediction {prediction.shape} and the confidence "
                f"{confidence.shape}; all three must have the size of the image."
            )
        kept = truth != self._void
        sure = confidence[kept].astype(np.float64)
        right = truth[kept] == prediction[kept]
        places = np.clip(np.ceil(sure * self._bins).astype(np.intp) - 1, 0, self._bins - 1)
        self._pixels += np.bincount(places, minlength=self._bins)
        self._right += np.bincount(places[right], minlength=self._bins)
        self._confidence += np.bincount(places, weights=sure, minlength=self._bins)

    @property
    def error(self) -> float | None:
        """Mean gap between confidence and accuracy of the bins, weighted by their pixels, 0 to 1.

        `None` before a labelled pixel was counted.
        """
        total = int(self._pixels.sum())
        return float(np.abs(self._confidence - self._right).sum() / total) if total else None

    @property
    def table(self) -> list[Bin]:
        """All bins, from the least sure to the surest."""
        return [
            Bin(
                low=index / self._bins,
                high=(index + 1) / self._bins,
                pixels=int(pixels),
                confidence=float(confidence / pixels) if pixels else None,
                accuracy=float(right / pixels) if pixels else None,
            )
            for index, (pixels, right, confidence) in enumerate(
                zip(self._pixels, self._right, self._confidence, strict=True)
            )
        ]
