"""Summary: the results of an evaluation as plain data, for JSON, tables and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.evaluation import Evaluation, Seen
from ml.evaluation.gallery import WRONG, GalleryImage, PanelPainter, WorstImages, largest_confusions
from ml.evaluation.measures.bootstrap import intervals
from ml.evaluation.measures.object_size import missed_pixels
from ml.inference.segmenter import TtaView
from roadmask.masks.scores import (
    Counts,
    accuracy,
    frequency_weighted_iou,
    iou_per_category,
    mean_iou,
)
from roadmask.masks.taxonomy import Taxonomy

LEVEL = 0.95
"""Share of the resamples within an interval."""

OVERALL = ("mean_iou", "accuracy", "frequency_weighted_iou")
"""Names of the last values of `overall_scores`, in its order."""


def summarize(evaluation: Evaluation, views: Sequence[TtaView]) -> dict[str, Any]:
    """The members of `Scores`, and all other measurements. A missing measurement is None."""
    return evaluation.scores.model_dump() | {
        "soft_iou": evaluation.soft.iou,
        "soft_dice": evaluation.soft.dice,
        "ece": evaluation.calibration.error,
        **evaluation.breakdown.summarize(),
        "intervals": _intervals(evaluation),
        "confusion": _confusion(evaluation.confusions.sum(axis=0), evaluation.taxonomy),
        "calibration": [asdict(each) for each in evaluation.calibration.table],
        "speed": _speed(evaluation),
        "protocol": {
            "scales": list(dict.fromkeys(view.scale for view in views)),
            "mirror": any(view.mirror for view in views),
            "size": sorted(map(list, evaluation.sizes)),
        },
    }


def overall_scores(counts: Counts, taxonomy: Taxonomy) -> NDArray[np.float64]:
    """IoU of the k real categories, then `OVERALL`: (..., k + 3) from counts (..., n, n)."""
    overall = (
        measure(counts, taxonomy) for measure in (mean_iou, accuracy, frequency_weighted_iou)
    )
    return np.concatenate([iou_per_category(counts, taxonomy), np.stack([*overall], -1)], axis=-1)


def score_names(taxonomy: Taxonomy) -> list[str]:
    """The names of the values of `overall_scores`."""
    return [*(taxonomy.names[index] for index in taxonomy.real), *OVERALL]


def none_if_nan(value: float) -> float | None:
    """The number; None for NaN."""
    return None if np.isnan(value) else float(value)


def interval_or_none(low: float, high: float) -> list[float] | None:
    """The interval; None if a bound is NaN."""
    return None if np.isnan(low) or np.isnan(high) else [float(low), float(high)]


def gallery_image(seen: Seen, taxonomy: Taxonomy) -> GalleryImage:
    """One image with its truth, its mask and its wrong pixels."""
    counts = seen.counts.copy()
    counts[taxonomy.void] = 0
    total = max(int(counts.sum()), 1)
    canvas = PanelPainter.of(seen.image, taxonomy)
    wrong = (seen.truth != seen.mask) & (seen.truth != taxonomy.void)
    missed = missed_pixels(seen.truth, seen.mask, taxonomy)
    return GalleryImage(
        seen.name,
        [
            f"mean IoU {float(mean_iou(counts, taxonomy)):.3f}",
            f"accuracy {float(accuracy(counts, taxonomy)):.3f}",
            *(
                f"{true} taken for {predicted}: {pixels / total:.1%}"
                for true, predicted, pixels in largest_confusions(counts, taxonomy)
            ),
        ],
        [
            canvas.photo("Image"),
            canvas.mask("Truth", seen.truth),
            canvas.mask("Prediction", seen.mask),
            canvas.marks("Wrong pixels", (wrong, WRONG)),
            canvas.marks("Missed objects", (missed, WRONG)),
        ],
    )


def offer_worst(worst: WorstImages, seen: Seen, taxonomy: Taxonomy) -> None:
    """Offer an image to the gallery, by its own mean IoU."""
    worst.offer(float(mean_iou(seen.counts, taxonomy)), partial(gallery_image, seen, taxonomy))


def _intervals(evaluation: Evaluation) -> dict[str, Any]:
    taxonomy = evaluation.taxonomy
    found = intervals(
        evaluation.confusions, partial(overall_scores, taxonomy=taxonomy), level=LEVEL
    )
    pairs = [interval_or_none(low, high) for low, high in zip(found.low, found.high, strict=True)]
    named = dict(zip(score_names(taxonomy), pairs, strict=True))
    overall = {name: named.pop(name) for name in OVERALL}
    return {"level": LEVEL, **overall, "per_category": named}


def _confusion(counts: NDArray[np.int64], taxonomy: Taxonomy) -> dict[str, Any]:
    """The confusion matrix: rows are the true categories, columns the predicted ones. Void has a
    column only if it was predicted.
    """
    columns = [*taxonomy.real]
    rows = counts[columns]
    if rows[:, taxonomy.void].any():
        columns.append(taxonomy.void)
    totals = rows.sum(axis=1, keepdims=True)
    return {
        "truth": [taxonomy.names[index] for index in taxonomy.real],
        "prediction": [taxonomy.names[index] for index in columns],
        "pixels": rows[:, columns].tolist(),
        "shares": [
            (row[columns] / total).tolist() if total else None
            for row, total in zip(rows, totals[:, 0], strict=True)
        ],
    }


def _speed(evaluation: Evaluation) -> dict[str, float]:
    images = len(evaluation.confusions)
    return {
        "predictor_images_per_s": images / evaluation.predict_s,
        "with_decoding_images_per_s": images / (evaluation.predict_s + evaluation.decode_s),
    }
