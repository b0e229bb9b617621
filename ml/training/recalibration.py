"""Recalibration: an artifact for another input size, with the temperature that fits it there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.data.samples import annotated_samples
from ml.engines.keras_engine import KerasEngine
from ml.inference.segmenter import Segmenter
from ml.registry.artifact import Artifact, replacing_artifact, write_card
from ml.registry.card import Calibration, Card
from ml.registry.input_size import InputSize
from ml.registry.model_file import read_model, write_model
from ml.registry.quality import QualityMode
from ml.training.calibration import calibrate
from ml.training.losses import category_weights
from ml.training.publish import measure_stored
from roadmask.errors import InvalidRequest
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.model_version import MODEL_FILE


def recalibrate(
    artifact: Artifact,
    out: Path,
    folders: Sequence[Path],
    *,
    budget: int | None = None,
    fast: int | None = None,
    reading: Reading = AS_FOUND,
) -> Artifact:
    """Write an artifact into the folder `out` as a new version, calibrated on annotated images.

    `budget` is the pixel budget of the quality `standard`, by default the present one; modes that
    had the same budget get it too. `fast` is the budget of the quality `fast`. The temperature is
    fitted at the new size; from a model that was never calibrated the category weights of its loss
    are taken, too. The sizes are in the model's file, so others have another version, and no stored
    mask is taken for one of theirs. The card has the scores on `folders` alone. Raises
    `InvalidRequest` if no pixel there is annotated, and if `out` is the folder of the artifact.
    """
    if out.resolve() == artifact.path.resolve():
        raise InvalidRequest(f"{out} has the present version; name another folder for the new one.")
    card, model = artifact.card, artifact.load_model()
    input_size = _with_budget(card.input_size, budget)
    taxonomy = artifact.taxonomy
    segmenter = Segmenter(KerasEngine(model, taxonomy.real), input_size)
    samples = [sample for folder in folders for sample in annotated_samples(folder, reading)]
    weights = category_weights(taxonomy, _weights_of_loss(card))
    fitted = calibrate(model, segmenter, samples, weights, taxonomy)
    if fitted is None:
        raise InvalidRequest("No pixel of these images is annotated: nothing can be fitted.")
    qualities = _qualities(card, input_size, fast)
    with replacing_artifact(out) as draft:
        file = draft / MODEL_FILE
        sha256 = write_model(model, file, _metadata(input_size, qualities))
        scores = measure_stored(
            read_model(file), model.get_weights(), input_size, folders, taxonomy, reading
        )
        facts = {
            "sha256": sha256,
            "version": sha256[:12],
            "input_size": input_size,
            "qualities": qualities,
            "metrics": scores,
            "calibration": _joined(card.calibration, fitted),
            "robustness": None,
        }
        write_card(draft, card.model_copy(update=facts))
    return Artifact.load(out)


def _weights_of_loss(card: Card) -> Sequence[float]:
    """What the last layer still has of the category weights: they leave it once."""
    weights: Any = card.provenance.recipe.get("category_weights", ())
    return () if card.calibration else weights


def _with_budget(input_size: InputSize, budget: int | None) -> InputSize:
    return input_size.model_copy(update={"budget": budget}) if budget else input_size


def _qualities(card: Card, input_size: InputSize, fast: int | None) -> dict[Quality, QualityMode]:
    modes = {
        quality: mode.model_copy(update={"input_size": input_size})
        if mode.input_size == card.input_size
        else mode
        for quality, mode in card.qualities.items()
    }
    if fast:
        modes["fast"] = QualityMode(input_size=_with_budget(input_size, fast))
    return modes


def _metadata(input_size: InputSize, qualities: dict[Quality, QualityMode]) -> str:
    """What the network sees of an image in each quality, as JSON."""
    modes = {"standard": QualityMode(input_size=input_size), **qualities}
    return json.dumps({name: mode.model_dump() for name, mode in modes.items()}, sort_keys=True)


def _joined(before: Calibration | None, fitted: Calibration) -> Calibration:
    """Both calibrations, one after the other."""
    if before is None:
        return fitted
    temperature = round(before.temperature * fitted.temperature, 4)
    return before.model_copy(update={"temperature": temperature})
