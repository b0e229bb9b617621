"""Soft agreement: the Jaccard index and Dice of class probabilities, pixels and classes pooled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import CITYSCAPES


class SoftCounts:
    """Sums over images that the soft IoU and Dice come from; void pixels of the truth are ignored.

    With probabilities p and truth y (one-hot), summed over pixels and classes alike, the
    intersection is I = sum p y, IoU = I / (sum p + sum y - I) and Dice = 2 I / (sum p + sum y).
    So Dice = 2 IoU / (1 + IoU), and large categories decide: neither is a mean over categories.
    The union is that of Rahman and Wang (ISVC 2016).

    `categories` are the category indices that the planes of probabilities stand for, in order.
    """

    def __init__(self, categories: Sequence[int], void: int = CITYSCAPES.void) -> None:
        self._categories = np.array(categories)
        self._void = void
        self._both = 0.0
        self._each = 0.0

    def add(self, truth: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
        """Count one image: truth (H, W), probabilities (n, H, W), one plane for each category.

        Raises `InvalidRequest` when these shapes differ.
        """
        expected = (len(self._categories), *truth.shape)
        if probabilities.shape != expected:
            raise InvalidRequest(
                f"Probabilities of {len(self._categories)} categories for a truth of "
                f"{truth.shape} have the shape {expected}, not {probabilities.shape}."
            )
        kept = truth != self._void
        predicted = probabilities[:, kept]
        true = truth[kept] == self._categories[:, None]
        self._both += float(predicted[true].sum(dtype=np.float64))
        # Every labelled pixel has one true category, also one that no plane stands for.
        self._each += float(predicted.sum(dtype=np.float64)) + np.count_nonzero(kept)

    @property
    def iou(self) -> float | None:
        """Soft IoU, 0 to 1; `None` before a labelled pixel was counted."""
        return self._both / (self._each - self._both) if self._each else None

    @property
    def dice(self) -> float | None:
        """Soft Dice, 0 to 1; `None` before a labelled pixel was counted."""
        return 2 * self._both / self._each if self._each else None
