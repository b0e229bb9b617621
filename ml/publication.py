"""Publication: from trained weights to an artifact that says what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ml.artifact import MODEL, Artifact, write_card
from ml.card import Card, Categories, Measurement, Provenance, now
from ml.checkpoint import Progress
from ml.data.samples import annotated_samples, count_samples
from ml.data.terms import notices
from ml.engines.keras_engine import KerasEngine
from ml.evaluation import evaluate_samples, measure
from ml.fit import Fit
from ml.model_file import read_model, write_model
from ml.predictor import Predictor
from ml.run import Run
from ml.segmenter import Segmenter
from roadmask.categories import CITYSCAPES

LIMITS = [
    "Learnt from few street scenes by day: other cameras, countries, nights and winters were not "
    "measured.",
    "Scores on frames of a video that also gave training frames flatter, since neighbouring frames "
    "are alike.",
    "Not for driving, nor for any other decision about people's safety.",
]
CURVES = ("loss", "learning_rate", "mean_iou", "accuracy", "soft_iou")


def publish(run: Run, model: Any, progress: Progress) -> Artifact:
    """Write a run's artifact of a Keras model with the weights of the best epoch.

    It is measured on the run's validation folders, as it was written.
    """
    folder = run.folder / "artifact"
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = write_model(model, folder / MODEL)
    fit = Fit(budget=run.recipe.budget)
    card = Card(
        name=run.name,
        sha256=sha256,
        version=sha256[:12],
        network=run.recipe.network,
        parameters=model.count_params(),
        categories=Categories.of(CITYSCAPES),
        fit=fit,
        metrics=_measure(read_model(folder / MODEL), model.get_weights(), fit, run.validation),
        curves=_curves(progress),
        provenance=_provenance(run, progress),
        choice=run.choice,
        notices=notices(run.data, f"{run.recipe.encoder} {run.encoder}" if run.encoder else ""),
        limits=LIMITS,
    )
    return write_card(folder, card)


def add_measurements(artifact: Artifact, folders: Sequence[Path]) -> Artifact:
    """Measure an artifact on more data sets and write that into its card.

    Of two measurements on data of one name the later one stays.
    """
    metrics = {each.dataset: each for each in artifact.card.metrics}
    for fresh in measure(Predictor(artifact), folders, artifact.taxonomy):
        before = metrics.get(fresh.dataset)
        # The weights as they were learnt are gone: what they scored is only in the card.
        learnt = before.float32_mean_iou if before else None
        metrics[fresh.dataset] = fresh.model_copy(update={"float32_mean_iou": learnt})
    card = artifact.card.model_copy(update={"metrics": list(metrics.values())})
    return write_card(artifact.path, card)


def _measure(
    stored: Any, weights: Sequence[Any], fit: Fit, folders: Sequence[Path]
) -> list[Measurement]:
    """The stored model's scores, and what it would score with its weights as they were learnt.

    The model that was trained is not asked: it may compute in less precision than serving does.
    """
    segmenter = Segmenter(KerasEngine(stored, CITYSCAPES.real), fit)
    served = measure(segmenter, folders, CITYSCAPES)
    stored.set_weights(weights)
    learnt = [evaluate_samples(segmenter, annotated_samples(f), CITYSCAPES) for f in folders]
    return [
        after.model_copy(update={"float32_mean_iou": before.mean_iou})
        for after, before in zip(served, learnt, strict=True)
    ]


def _curves(progress: Progress) -> dict[str, list[float]]:
    """Loss and scores by epoch, to six digits."""
    return {
        name: [float(f"{values[name]:.6g}") for values in progress.history]
        for name in CURVES
        if all(name in values for values in progress.history)
    }


def _provenance(run: Run, progress: Progress) -> Provenance:
    encoder = hashlib.sha256(run.encoder.read_bytes()).hexdigest() if run.encoder else None
    return Provenance(
        recipe=run.recipe.facts(),
        data=count_samples(run.data),
        encoder_sha256=encoder,
        epochs=progress.best_epoch,
        seed=run.recipe.seed,
        git_revision=progress.git_revision or "unknown",
        date=now(),
        seconds=round(progress.seconds, 1) or None,
        precision_ms=progress.precision_ms,
        versions={name: version(name) for name in ("roadmask", "tensorflow", "keras")},
    )
