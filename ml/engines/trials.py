"""Trials: the engines of one artifact side by side, for speed and for what they lose."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ml.data.samples import Pair
from ml.engines.engine import BATCH
from ml.engines.tuning import Trial
from ml.predictor import Predictor
from ml.segmenter import Segmenter
from roadmask.categories import Taxonomy
from roadmask.scores import confusion, scores
from roadmask.settings import EngineName

Masks = Sequence[NDArray[np.uint8]]
Name = TypeVar("Name", bound=str)


def run_trials(
    predictors: Mapping[EngineName, Predictor],
    pairs: Sequence[Pair],
    taxonomy: Taxonomy,
    repeats: int,
    told: Callable[[str], None],
) -> list[Trial]:
    """Every predictor on the same annotated images; `keras`, which the others are held against,
    must be among them. `told` is told of each step."""
    images, truths = [image for image, _ in pairs], [truth for _, truth in pairs]
    masks = {}
    for name, predictor in predictors.items():
        told(f"masks of {name}")
        masks[name] = predictor.predict(images)
    told("speed")
    times = measure_speed(predictors, images[:BATCH], repeats)
    values = {name: pooled_iou(truths, said, taxonomy) for name, said in masks.items()}
    return [
        Trial(
            engine=name,
            images_per_s=min(BATCH, len(images)) / median(times[name]),
            speed_up=median(a / b for a, b in zip(times["keras"], times[name], strict=True)),
            agreement=agreement(masks["keras"], masks[name]),
            mean_iou=values[name],
            loss=values["keras"] - values[name],
        )
        for name in predictors
    ]


def measure_speed(
    predictors: Mapping[Name, Segmenter],
    images: Sequence[NDArray[np.uint8]],
    repeats: int,
) -> dict[Name, list[float]]:
    """Seconds for one batch in each repeat, the engines in turns: a busy moment slows all alike."""
    times: dict[Name, list[float]] = {name: [] for name in predictors}
    for predictor in predictors.values():
        predictor.predict(images)  # Makes the kernels.
    for _ in range(repeats):
        for name, predictor in predictors.items():
            begun = time.perf_counter()
            predictor.predict(images)
            times[name].append(time.perf_counter() - begun)
    return times


def pooled_iou(truths: Masks, masks: Masks, taxonomy: Taxonomy) -> float:
    """Mean IoU of masks, uint8 (H, W), against their truths, the pixels of all counted together."""
    size = len(taxonomy)
    counts = sum(
        (confusion(truth, mask, size) for truth, mask in zip(truths, masks, strict=True)),
        np.zeros((size, size), np.int64),
    )
    return scores(counts, len(masks), taxonomy).mean_iou or 0.0


def agreement(masks: Masks, others: Masks) -> float:
    """Share of all pixels, uint8 (H, W) each, that have the same category in both."""
    same = sum(int((a == b).sum()) for a, b in zip(masks, others, strict=True))
    return same / sum(mask.size for mask in masks)
