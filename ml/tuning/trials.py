"""Trials: the engines of one artifact side by side, their speed and their loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ml.data.annotated import LeftOut, LoadedImage
from ml.engines.engine import BATCH
from ml.inference.predictor import Predictor
from ml.inference.segmenter import Segmenter
from ml.tuning.tuning_result import Trial
from roadmask.masks.scores import confusion, scores
from roadmask.masks.taxonomy import Taxonomy
from roadmask.settings import EngineName

Masks = Sequence[NDArray[np.uint8]]
Name = TypeVar("Name", bound=str)


def run_trials(
    keras: Predictor,
    others: Mapping[EngineName, Predictor],
    measured: Sequence[tuple[LoadedImage, NDArray[np.uint8]]],
    taxonomy: Taxonomy,
    repeats: int,
    report: Callable[[str], None],
) -> list[Trial]:
    """Measure all predictors on the same annotated images, which come with the masks of `keras`,
    the reference.

    One that fails on an image is left out. `report` is called with that, and with each step.
    """
    images, truths = [each.image for each, _ in measured], [each.truth for each, _ in measured]
    masks: dict[EngineName, Masks] = {"keras": [mask for _, mask in measured]}
    for name, predictor in others.items():
        report(f"masks of {name}")
        try:
            masks[name] = predictor.predict(images)
        except Exception as error:
            # Keras did not fail: the engine is at fault, and would be in service.
            report(f"{name} is left out: {LeftOut.by_failure(name, error).detail}")
    predictors = {name: keras if name == "keras" else others[name] for name in masks}
    report("speed")
    times = measure_speed(predictors, images[:BATCH], repeats)
    values = {name: pooled_iou(truths, predicted, taxonomy) for name, predicted in masks.items()}
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
    """Seconds per batch in each repeat. The engines take turns, so load slows all alike."""
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
    """Mean IoU of masks, uint8 (H, W), against their truths, over the pooled pixels."""
    size = len(taxonomy)
    counts = sum(
        (confusion(truth, mask, size) for truth, mask in zip(truths, masks, strict=True)),
        np.zeros((size, size), np.int64),
    )
    return scores(counts, len(masks), taxonomy).mean_iou or 0.0


def agreement(masks: Masks, others: Masks) -> float:
    """Share of all pixels with the same category in both lists of masks, uint8 (H, W)."""
    same = sum(int((a == b).sum()) for a, b in zip(masks, others, strict=True))
    return same / sum(mask.size for mask in masks)
