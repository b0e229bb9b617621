from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from ml.data.samples import annotated_samples
from ml.evaluation import evaluate_samples, measure
from ml.fit import Fit
from ml.models.unet_mini import UNetMini
from ml.segmenter import Segmenter
from roadmask.categories import CITYSCAPES
from roadmask.folders import read_truth


@pytest.fixture(scope="module")
def always_flat() -> Segmenter:
    """A network that says "flat" everywhere."""
    model = UNetMini(widths=(4, 4))
    head = model.get_layer("logits")
    bias = np.eye(8)[CITYSCAPES.index("flat")]
    head.set_weights([np.zeros_like(head.get_weights()[0]), bias])
    return Segmenter(model, Fit(budget=4096), CITYSCAPES.real)


def test_scores_in_closed_form(always_flat: Segmenter, streets: Path) -> None:
    samples = annotated_samples(streets)
    truths = np.concatenate([read_truth(sample).ravel() for sample in samples])
    labelled = truths[truths != CITYSCAPES.void]
    share = (labelled == CITYSCAPES.index("flat")).mean()
    present = len(np.unique(labelled))

    scores = evaluate_samples(always_flat, samples, CITYSCAPES)

    assert scores.images == len(samples)
    assert scores.accuracy == pytest.approx(share)
    assert scores.per_category["flat"].iou == pytest.approx(share)
    assert scores.per_category["flat"].dice == pytest.approx(2 * share / (1 + share))
    assert scores.per_category["sky"].iou == 0
    assert scores.per_category["object"].iou is None
    assert scores.mean_iou == pytest.approx(share / present)


def test_measurements_name_their_data_set(always_flat: Segmenter, streets: Path) -> None:
    (measurement,) = measure(always_flat, [streets], CITYSCAPES)
    assert measurement.dataset.endswith("/streets")
    assert measurement.scores == evaluate_samples(
        always_flat, annotated_samples(streets), CITYSCAPES
    )


def test_a_perfect_answer_scores_one(streets: Path) -> None:
    """Truths as images: a network that reads the palette back must score 1 at the images' size."""
    keras.utils.set_random_seed(0)
    sample = annotated_samples(streets)[0]
    truth = read_truth(sample)

    class Reader(keras.Model):  # type: ignore[misc]
        def call(self, image: object, training: bool = False) -> object:
            colors = keras.ops.cast(CITYSCAPES.palette[:8], "float32")
            pixels = keras.ops.cast(image, "float32")[..., None, :]
            return -keras.ops.sum(keras.ops.square(pixels - colors), axis=-1)

    fit = Fit(budget=truth.size, multiple=1)
    (mask,) = Segmenter(Reader(), fit, range(8)).predict([CITYSCAPES.palette[truth]])
    assert (mask == truth).mean() > 0.97
