"""Publish: from trained weights to an artifact with its card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ml.data.annotated import from_folder
from ml.data.data_source import DataSource
from ml.data.partial_labels import RECORD, PartialLabels
from ml.data.samples import annotated_samples, count_samples, dataset_name
from ml.data.source_terms import notices
from ml.engines.keras_engine import KerasEngine
from ml.evaluation.evaluation import evaluate_samples, measure
from ml.evaluation.robustness import Robustness
from ml.inference.predictor import Predictor
from ml.inference.segmenter import Segmenter
from ml.registry.artifact import Artifact, replacing_artifact, write_card
from ml.registry.card import Calibration, Card, Categories, Measurement, Provenance, now
from ml.registry.card import Robustness as RobustnessFacts
from ml.registry.input_size import InputSize
from ml.registry.model_file import read_model, write_model
from ml.training.calibration import calibrate
from ml.training.checkpoint import TrainingState
from ml.training.losses import category_weights
from ml.training.training_run import Run
from roadmask.hashing import sha256_of_file
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.masks.taxonomy import CITYSCAPES, Taxonomy
from roadmask.schemas.model_version import MODEL_FILE

LIMITS = [
    "Learnt from few street scenes by day: other cameras, countries, nights and winters were not "
    "measured.",
    "Scores on frames of a video that also gave training frames flatter, since neighbouring frames "
    "are alike.",
    "Not for driving, nor for any other decision about people's safety.",
]
CURVES = ("loss", "learning_rate", "mean_iou", "accuracy", "soft_iou")


def publish(run: Run, model: Any, progress: TrainingState) -> Artifact:
    """Write a run's artifact from a Keras model with the best weights.

    The stored file is measured on the run's validation folders.
    """
    folder = run.folder / "artifact"
    input_size = InputSize(budget=run.recipe.budget)
    calibration = _calibrate(run, model, input_size)
    with replacing_artifact(folder) as draft:
        sha256 = write_model(model, draft / MODEL_FILE)
        card = Card(
            name=run.name,
            sha256=sha256,
            version=sha256[:12],
            network=run.recipe.network,
            parameters=model.count_params(),
            categories=Categories.of(CITYSCAPES),
            input_size=input_size,
            metrics=measure_stored(
                read_model(draft / MODEL_FILE),
                model.get_weights(),
                input_size,
                run.validation,
                CITYSCAPES,
                run.reading,
            ),
            calibration=calibration,
            curves=_curves(progress),
            provenance=_provenance(run, progress),
            choice=run.choice,
            notices=_notices(run),
            limits=LIMITS,
        )
        write_card(draft, card)
    return Artifact.load(folder)


def add_measurements(
    artifact: Artifact, folders: Sequence[Path], reading: Reading = AS_FOUND
) -> Artifact:
    """Measure an artifact on more datasets and write the results into its card.

    A new measurement replaces an older one of the same dataset.
    """
    metrics = {each.dataset: each for each in artifact.card.metrics}
    for fresh in measure(Predictor(artifact), folders, artifact.taxonomy, reading):
        before = metrics.get(fresh.dataset)
        # The weights as they were learnt are gone: what they scored is only in the card.
        learnt = before.float32_mean_iou if before else None
        metrics[fresh.dataset] = fresh.model_copy(update={"float32_mean_iou": learnt})
    card = artifact.card.model_copy(update={"metrics": list(metrics.values())})
    return write_card(artifact.path, card)


def add_robustness(artifact: Artifact, folder: Path, reading: Reading = AS_FOUND) -> Artifact:
    """Measure an artifact on corrupted images of a folder and write that into its card."""
    robustness = Robustness(Predictor(artifact), artifact.taxonomy)
    images = sum(1 for _ in robustness.run(from_folder(folder, reading).load_all()))
    facts = {"dataset": dataset_name(folder), "images": images, **robustness.summarize()}
    card = artifact.card.model_copy(update={"robustness": RobustnessFacts.model_validate(facts)})
    return write_card(artifact.path, card)


def measure_stored(
    stored: Any,
    weights: Sequence[Any],
    input_size: InputSize,
    folders: Sequence[Path],
    taxonomy: Taxonomy,
    reading: Reading,
) -> list[Measurement]:
    """The scores of a model as it was stored, and the mean IoU of its weights in float32.

    The trained model itself is not measured: it may compute in a lower precision than serving.
    """
    segmenter = Segmenter(KerasEngine(stored, taxonomy.real), input_size)
    served = measure(segmenter, folders, taxonomy, reading)
    stored.set_weights(weights)
    learnt = [
        evaluate_samples(segmenter, annotated_samples(folder, reading), taxonomy)
        for folder in folders
    ]
    return [
        after.model_copy(update={"float32_mean_iou": before.mean_iou})
        for after, before in zip(served, learnt, strict=True)
    ]


def _calibrate(run: Run, model: Any, input_size: InputSize) -> Calibration | None:
    """Calibrate the model on the run's validation images, if there are any."""
    samples = [
        sample for folder in run.validation for sample in annotated_samples(folder, run.reading)
    ]
    if not samples:
        return None
    segmenter = Segmenter(KerasEngine(model, CITYSCAPES.real), input_size)
    weights = category_weights(CITYSCAPES, run.recipe.category_weights)
    return calibrate(model, segmenter, samples, weights, CITYSCAPES)


def _curves(progress: TrainingState) -> dict[str, list[float]]:
    """Loss and scores by epoch, to six digits."""
    return {
        name: [float(f"{values[name]:.6g}") for values in progress.history]
        for name in CURVES
        if all(name in values for values in progress.history)
    }


def _weights(sources: Iterable[DataSource]) -> dict[str, float]:
    """The weight of each data set; a folder that is given twice counts twice."""
    weights: dict[str, float] = {}
    for source in sources:
        name = dataset_name(source.folder)
        weights[name] = weights.get(name, 0.0) + source.weight
    return {name: round(weight, 4) for name, weight in weights.items()}


def _pixels(sources: Iterable[DataSource]) -> dict[str, str]:
    """What is said about the samples of those data sets of which something is."""
    said = {dataset_name(source.folder): str(source.reading.pixels) for source in sources}
    return {name: pixels for name, pixels in said.items() if pixels}


def _pseudo_labels(sources: Iterable[DataSource]) -> dict[str, PartialLabels]:
    """How the labels of completed data sets were made."""
    return {
        dataset_name(source.folder): PartialLabels.model_validate_json(record.read_bytes())
        for source in sources
        if (record := source.folder / RECORD).exists()
    }


def _notices(run: Run) -> list[str]:
    """The terms of all that the model is made from; those of its base model apply to it, too."""
    encoder = f"{run.recipe.encoder} {run.encoder}" if run.encoder else ""
    found = notices([source.folder for source in run.data], encoder)
    return list(dict.fromkeys([*(run.base_model.card.notices if run.base_model else []), *found]))


def _provenance(run: Run, progress: TrainingState) -> Provenance:
    encoder = sha256_of_file(run.encoder) if run.encoder else None
    return Provenance(
        recipe=run.recipe.facts(),
        data=count_samples((source.folder for source in run.data), run.reading),
        data_weights=_weights(run.data),
        pixels=_pixels(run.data),
        pseudo_labels=_pseudo_labels(run.data),
        encoder_sha256=encoder,
        base_model=progress.base_model,
        epochs=progress.best_epoch,
        seed=run.recipe.seed,
        git_revision=progress.git_revision or "unknown",
        date=now(),
        seconds=round(progress.seconds, 1) or None,
        precision_ms=progress.precision_ms,
        versions={name: version(name) for name in ("roadmask", "tensorflow", "keras")},
    )
