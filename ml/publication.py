"""Publication: from trained weights to an artifact that says what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.artifact import MODEL, Artifact, write_card
from ml.card import Card, Categories, Measurement, Provenance, now
from ml.data.samples import count_samples
from ml.data.terms import notices
from ml.evaluation import measure
from ml.fit import Fit
from ml.model_file import read_model, write_model
from ml.recipes.recipe import Recipe
from ml.segmenter import Segmenter
from roadmask.categories import CITYSCAPES

LIMITS = [
    "Learnt from few street scenes by day: other cameras, countries, nights and winters were not "
    "measured.",
    "Scores on frames of a video that also gave training frames flatter, since neighbouring frames "
    "are alike.",
    "Not for driving, nor for any other decision about people's safety.",
]


def publish(
    folder: Path,
    model: Any,
    *,
    name: str,
    recipe: Recipe,
    epoch: int,
    data: Sequence[Path],
    validation: Sequence[Path],
    encoder: Path | None,
    git_revision: str,
) -> Artifact:
    """Write an artifact of a Keras model, measured on the validation folders as it was written."""
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = write_model(model, folder / MODEL)
    fit = Fit(budget=recipe.budget)
    card = Card(
        name=name,
        sha256=sha256,
        version=sha256[:12],
        network=recipe.network,
        parameters=model.count_params(),
        categories=Categories.of(CITYSCAPES),
        fit=fit,
        metrics=_measure(read_model(folder / MODEL), model.get_weights(), fit, validation),
        provenance=Provenance(
            recipe=recipe.facts(),
            data=count_samples(data),
            encoder_sha256=hashlib.sha256(encoder.read_bytes()).hexdigest() if encoder else None,
            epochs=epoch,
            seed=recipe.seed,
            git_revision=git_revision,
            date=now(),
        ),
        notices=notices([*data, encoder] if encoder else data),
        limits=LIMITS,
    )
    return write_card(folder, card)


def _measure(
    stored: Any, weights: Sequence[Any], fit: Fit, folders: Sequence[Path]
) -> list[Measurement]:
    """The stored model's scores, and what it would score with its weights as they were learnt.

    The model that was trained is not asked: it may compute in less precision than serving does.
    """
    segmenter = Segmenter(stored, fit, CITYSCAPES.real)
    served = measure(segmenter, folders, CITYSCAPES)
    stored.set_weights(weights)
    learnt = measure(segmenter, folders, CITYSCAPES)
    return [
        after.model_copy(update={"float32_mean_iou": before.scores.mean_iou})
        for after, before in zip(served, learnt, strict=True)
    ]
