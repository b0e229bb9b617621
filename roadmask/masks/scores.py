"""Scores of a predicted mask against the truth, all from one confusion matrix.

Counts of many images are added before they are scored (pixels are pooled), as in Cityscapes. Void
pixels of the truth are ignored.
"""

from __future__ import annotations

import math
from typing import SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import CITYSCAPES, Taxonomy
from roadmask.schemas.jobs import CategoryScore, Scores

Counts: TypeAlias = NDArray[np.int64] | NDArray[np.float64]
"""Pixel counts (..., n, n): rows are the truth, columns the prediction."""

BLOCK_PIXELS = 2**18
"""Pixels that are counted at once."""


def confusion(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8], size: int = len(CITYSCAPES)
) -> NDArray[np.int64]:
    """Pixel counts, int64 of shape (size, size): rows are the truth, columns the prediction.

    Both masks are uint8 of the same shape (H, W) with indices below `size`.
    Raises `InvalidRequest` when shapes differ or an index is too large.
    """
    if truth.shape != prediction.shape:
        raise InvalidRequest(
            f"The truth has shape {truth.shape} and the prediction {prediction.shape}. Both must "
            "have the size of the image."
        )
    if truth.size and (truth.max() >= size or prediction.max() >= size):
        raise InvalidRequest(f"A mask contains an index beyond the {size} categories.")
    counts = np.zeros(size * size, np.int64)
    # A pair takes 8 bytes, and a worker scores many large masks at once.
    rows = max(1, BLOCK_PIXELS * len(truth) // max(1, truth.size))
    for start in range(0, len(truth), rows):
        pairs = truth[start : start + rows].astype(np.int64)
        pairs *= size
        pairs += prediction[start : start + rows]
        counts += np.bincount(pairs.ravel(), minlength=size * size)
    return counts.reshape(size, size)


def scores(counts: NDArray[np.int64], images: int, taxonomy: Taxonomy = CITYSCAPES) -> Scores:
    """Scores from pixel counts of shape (n, n), as `confusion` makes them.

    Per category IoU is TP / (TP + FP + FN), Dice 2 TP / (2 TP + FP + FN), accuracy TP / (TP + FN)
    (Everingham et al., IJCV 2010); the means run over the real categories that occur in truth or
    prediction.
    """
    hits, in_truth, union = _tally(counts, taxonomy)
    ious, dices = _ratio(hits, union), _ratio(2 * hits, union + hits)
    columns = (values.tolist() for values in (ious, dices, _ratio(hits, in_truth), in_truth))
    return Scores(
        accuracy=_known(_accuracy(hits, in_truth)),
        mean_iou=_known(_mean(ious)),
        mean_dice=_known(_mean(dices)),
        frequency_weighted_iou=_known(_weighted(ious, in_truth)),
        per_category={
            taxonomy.names[index]: CategoryScore(
                iou=_known(iou), dice=_known(dice), accuracy=_known(right), pixels=int(pixels)
            )
            for index, iou, dice, right, pixels in zip(taxonomy.real, *columns, strict=True)
        },
        images=images,
    )


def accuracy(counts: Counts, taxonomy: Taxonomy = CITYSCAPES) -> NDArray[np.float64]:
    """Share of the labelled pixels that are right: (...) from counts (..., n, n), NaN if none."""
    hits, in_truth, _ = _tally(counts, taxonomy)
    return _accuracy(hits, in_truth)


def iou_per_category(counts: Counts, taxonomy: Taxonomy = CITYSCAPES) -> NDArray[np.float64]:
    """IoU of the k real categories: (..., k) from counts (..., n, n), NaN where none occurs."""
    hits, _, union = _tally(counts, taxonomy)
    return _ratio(hits, union)


def mean_iou(counts: Counts, taxonomy: Taxonomy = CITYSCAPES) -> NDArray[np.float64]:
    """Mean IoU of the real categories that occur: (...) from counts (..., n, n), NaN if none."""
    return _mean(iou_per_category(counts, taxonomy))


def frequency_weighted_iou(counts: Counts, taxonomy: Taxonomy = CITYSCAPES) -> NDArray[np.float64]:
    """Mean IoU of the real categories weighted by their pixels in the truth (Long et al., CVPR
    2015): (...) from counts (..., n, n), NaN where no pixel is labelled.
    """
    hits, in_truth, union = _tally(counts, taxonomy)
    return _weighted(_ratio(hits, union), in_truth)


def _tally(counts: Counts, taxonomy: Taxonomy) -> tuple[NDArray[np.float64], ...]:
    """Hits, pixels in the truth, and pixels in truth or prediction, of each real category."""
    labelled = np.array(counts, np.float64)
    labelled[..., taxonomy.void, :] = 0
    hits = labelled.diagonal(axis1=-2, axis2=-1)
    in_truth = labelled.sum(axis=-1)
    union = in_truth + labelled.sum(axis=-2) - hits
    real = list(taxonomy.real)
    return hits[..., real], in_truth[..., real], union[..., real]


def _accuracy(hits: NDArray[np.float64], in_truth: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ratio(hits.sum(axis=-1), in_truth.sum(axis=-1))


def _weighted(ious: NDArray[np.float64], in_truth: NDArray[np.float64]) -> NDArray[np.float64]:
    weighted = in_truth * np.where(np.isnan(ious), 0.0, ious)
    return _ratio(weighted.sum(axis=-1), in_truth.sum(axis=-1))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what is not NaN."""
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=-1)
    return _ratio(sums, known.sum(axis=-1, dtype=np.float64))


def _known(value: SupportsFloat) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number
