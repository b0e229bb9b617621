"""Findings: what an evaluation found, as plain data for JSON, for tables and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluation import Evaluation, Seen
from ml.exhibits import WRONG, Canvas, Exhibit, Worst, largest
from ml.measures.bootstrap import intervals
from ml.segmenter import View
from roadmask.categories import Taxonomy
from roadmask.scores import Counts, accuracy, frequency_weighted_iou, iou_per_category, mean_iou

LEVEL = 0.95
"""Share of the resamples that an interval holds."""

OVERALL = ("mean_iou", "accuracy", "frequency_weighted_iou")
"""What `gauge` measures after the categories, in its order."""


def findings(evaluation: Evaluation, looks: Sequence[View]) -> dict[str, Any]:
    """The members of `Scores`, and everything else that was measured; `None` where nothing was."""
    return evaluation.scores.model_dump() | {
        "soft_iou": evaluation.soft.iou,
        "soft_dice": evaluation.soft.dice,
        "ece": evaluation.calibration.error,
        "intervals": _intervals(evaluation),
        "confusion": _confusion(evaluation.confusions.sum(axis=0), evaluation.taxonomy),
        "calibration": [asdict(each) for each in evaluation.calibration.table],
        "speed": _speed(evaluation),
        "protocol": {
            "scales": list(dict.fromkeys(look.scale for look in looks)),
            "mirror": any(look.mirror for look in looks),
            "size": sorted(map(list, evaluation.sizes)),
        },
    }


def gauge(counts: Counts, taxonomy: Taxonomy) -> NDArray[np.float64]:
    """IoU of the k real categories, then `OVERALL`: (..., k + 3) from counts (..., n, n)."""
    overall = (
        measure(counts, taxonomy) for measure in (mean_iou, accuracy, frequency_weighted_iou)
    )
    return np.concatenate([iou_per_category(counts, taxonomy), np.stack([*overall], -1)], axis=-1)


def labels(taxonomy: Taxonomy) -> list[str]:
    """The names of what `gauge` measures."""
    return [*(taxonomy.names[index] for index in taxonomy.real), *OVERALL]


def known(value: float) -> float | None:
    """The number, `None` for NaN."""
    return None if np.isnan(value) else float(value)


def bounds(low: float, high: float) -> list[float] | None:
    """An interval, `None` where there was nothing to measure."""
    return None if np.isnan(low) or np.isnan(high) else [float(low), float(high)]


def exhibit(seen: Seen, taxonomy: Taxonomy) -> Exhibit:
    """One image with its truth, its mask and what is wrong in it."""
    counts = seen.counts.copy()
    counts[taxonomy.void] = 0
    total = max(int(counts.sum()), 1)
    canvas = Canvas.of(seen.image, taxonomy)
    wrong = (seen.truth != seen.mask) & (seen.truth != taxonomy.void)
    return Exhibit(
        seen.name,
        [
            f"mean IoU {float(mean_iou(counts, taxonomy)):.3f}",
            f"accuracy {float(accuracy(counts, taxonomy)):.3f}",
            *(
                f"{true} taken for {said}: {pixels / total:.1%}"
                for true, said, pixels in largest(counts, taxonomy)
            ),
        ],
        [
            canvas.photo("Image"),
            canvas.mask("Truth", seen.truth),
            canvas.mask("Prediction", seen.mask),
            canvas.marks("Wrong pixels", (wrong, WRONG)),
        ],
    )


def show_worst(worst: Worst, seen: Seen, taxonomy: Taxonomy) -> None:
    """Offer an image by its own mean IoU."""
    worst.offer(float(mean_iou(seen.counts, taxonomy)), partial(exhibit, seen, taxonomy))


def _intervals(evaluation: Evaluation) -> dict[str, Any]:
    taxonomy = evaluation.taxonomy
    found = intervals(evaluation.confusions, partial(gauge, taxonomy=taxonomy), level=LEVEL)
    pairs = [bounds(low, high) for low, high in zip(found.low, found.high, strict=True)]
    named = dict(zip(labels(taxonomy), pairs, strict=True))
    overall = {name: named.pop(name) for name in OVERALL}
    return {"level": LEVEL, **overall, "per_category": named}


def _confusion(counts: NDArray[np.int64], taxonomy: Taxonomy) -> dict[str, Any]:
    """Rows are the true categories, columns what the masks say; void only where they say it."""
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
