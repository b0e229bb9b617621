"""Checkpoint: the whole state of a training run in one file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ml.recipes.recipe import Recipe
from roadmask.atomic import replacing
from roadmask.errors import InvalidRequest

Variables = Sequence[Any]
"""Keras variables, in a fixed order."""


@dataclass
class TrainingState:
    """The position and the history of a run."""

    epoch: int = 0
    """Finished epochs."""
    losses: list[float] = field(default_factory=list)
    """Losses of the finished steps of the current epoch."""
    best_epoch: int = 0
    best_score: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)
    """Metrics after each epoch."""
    seconds: float = 0.0
    """Wall-clock time of the run, validation included. Work that a crash undid is not counted."""
    git_revision: str = ""
    """The revision of the code when the run began."""
    precision_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds per step in each precision, if the recipe leaves the choice to the machine."""
    pixels: str = ""
    """What is said about the samples of its images."""
    data: str | None = None
    """Names and weights of its training data sets; None in runs of earlier versions."""
    val: str | None = None
    """Names of the data sets that it is measured on; None in runs of earlier versions."""
    base_model: str = ""
    """The version of the model that is fine-tuned; empty: the run trains anew."""


def save_checkpoint(
    path: Path, recipe: Recipe, progress: TrainingState, groups: Mapping[str, Variables]
) -> None:
    """Write the run's state. A crash leaves the old file or the new one, never a part."""
    arrays: dict[str, Any] = {
        f"{group}/{index:04d}": np.asarray(variable)
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    words = {"recipe": recipe.facts(), "progress": asdict(progress)}
    arrays["words"] = np.array(json.dumps(words))
    with replacing(path, fsync=True) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def read_progress(path: Path, recipe: Recipe | None = None) -> TrainingState:
    """The state of the run of that checkpoint.

    Raises `InvalidRequest` if it is a run of another recipe than `recipe`, and for a damaged file.
    """
    with _opened(path) as stored:
        words = json.loads(str(stored["words"]))
    if recipe is not None and (difference := _difference(words["recipe"], recipe.facts())):
        raise InvalidRequest(
            f"{path.parent} holds a run of another recipe ({difference}). "
            "Choose another folder, or delete this one to begin anew."
        )
    return TrainingState(**words["progress"])


def restore(path: Path, groups: Mapping[str, Variables]) -> None:
    """Load the run's state into the variables.

    Raises `InvalidRequest` if the network had other weights, and for a damaged file.
    """
    with _opened(path) as stored:
        for group, variables in groups.items():
            arrays = [stored[name] for name in sorted(stored.files) if name.startswith(f"{group}/")]
            if [array.shape for array in arrays] != [tuple(each.shape) for each in variables]:
                raise InvalidRequest(
                    f"{path.parent} holds a run of a network of that name with other weights: its "
                    "code has changed since. Choose another folder, or delete this one."
                )
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        # NumPy leaves a damaged file open that it has opened itself.
        with path.open("rb") as file, np.load(file) as stored:
            yield stored
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError, zlib.error):
        raise InvalidRequest(
            f"{path} is damaged or is no checkpoint. Copy it again, or delete it to begin anew."
        ) from None


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The differing fields. A field that an older recipe lacks has its default value."""
    before = {
        key.name: list(key.default) if isinstance(key.default, tuple) else key.default
        for key in fields(Recipe)
        if key.default is not MISSING
    } | dict(stored)
    return ", ".join(
        f"{key}: {before.get(key)} there, {wanted.get(key)} here"
        for key in sorted({*before, *wanted})
        if before.get(key) != wanted.get(key)
    )
