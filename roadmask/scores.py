"""How well a predicted mask agrees with the truth: one confusion matrix, everything from it.

Counting and scoring are apart, so that counts of many images add up before they are scored
(pixels pooled), as Cityscapes does. Void pixels of the truth are ignored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadmask.categories import CITYSCAPES, Taxonomy
from roadmask.errors import InvalidRequest
from roadmask.jobs import CategoryScore, Scores


def confusion(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8], size: int = len(CITYSCAPES)
) -> NDArray[np.int64]:
    """Pixel counts, int64 of shape (size, size): rows are the truth, columns the prediction.

    Both masks are uint8 of the same shape (H, W) with indices below `size`.
    Raises `InvalidRequest` when shapes differ or an index is too large.
    """
    if truth.shape != prediction.shape:
        raise InvalidRequest(
            f"The truth is {truth.shape} and the prediction {prediction.shape}; "
            "both must have the size of the image."
        )
    pairs = truth.astype(np.int64).ravel() * size + prediction.ravel()
    if pairs.size and (truth.max() >= size or prediction.max() >= size):
        raise InvalidRequest(f"A mask holds an index beyond the {size} categories.")
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def scores(counts: NDArray[np.int64], images: int, taxonomy: Taxonomy = CITYSCAPES) -> Scores:
    """Accuracy, IoU and Dice from pixel counts of shape (n, n), as `confusion` makes them.

    IoU is TP / (TP + FP + FN) and Dice 2 TP / (2 TP + FP + FN) per category (Everingham et al.,
    IJCV 2010); the means run over the real categories that occur in truth or prediction.
    """
    counts = counts.copy()
    counts[taxonomy.void, :] = 0
    hits = counts.diagonal().astype(np.float64)
    in_truth = counts.sum(axis=1)
    union = in_truth + counts.sum(axis=0) - hits
    per_category = {}
    for index in taxonomy.real:
        seen = union[index] > 0
        iou = float(hits[index] / union[index]) if seen else None
        dice = float(2 * hits[index] / (union[index] + hits[index])) if seen else None
        per_category[taxonomy.names[index]] = CategoryScore(
            iou=iou, dice=dice, pixels=int(in_truth[index])
        )
    total = int(counts.sum())
    return Scores(
        accuracy=float(hits.sum() / total) if total else None,
        mean_iou=_mean([score.iou for score in per_category.values()]),
        mean_dice=_mean([score.dice for score in per_category.values()]),
        per_category=per_category,
        images=images,
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
