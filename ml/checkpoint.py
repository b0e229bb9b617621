"""Checkpoint: the whole state of a training run in one file, replaced as the run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ml.recipes.recipe import Recipe
from roadmask.errors import InvalidRequest

Variables = Sequence[Any]
"""Keras variables, in a fixed order."""


@dataclass
class Progress:
    """How far a run is."""

    epoch: int = 0
    """Epochs that are done."""
    losses: list[float] = field(default_factory=list)
    """Of the steps that are done in the epoch in hand."""
    best_epoch: int = 0
    best_score: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)
    """What was measured after each epoch."""
    seconds: float = 0.0
    """Wall-clock time spent, validation included; what a crash made to be done again is not."""
    git_revision: str = ""
    """Of the code that the run began with."""
    precision_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds of a step in each precision, where the recipe left the choice to the machine."""


def save_checkpoint(
    path: Path, recipe: Recipe, progress: Progress, groups: Mapping[str, Variables]
) -> None:
    """Write the run's state; a crash leaves the old file or the whole new one."""
    arrays: dict[str, Any] = {
        f"{group}/{index:04d}": np.asarray(variable)
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    words = {"recipe": recipe.facts(), "progress": asdict(progress)}
    arrays["words"] = np.array(json.dumps(words))
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def read_progress(path: Path, recipe: Recipe | None = None) -> Progress:
    """How far the run of that checkpoint is.

    Raises `InvalidRequest` when it is not a run of `recipe`, if one is given.
    """
    with np.load(path) as stored:
        words = json.loads(str(stored["words"]))
    if recipe is not None and (difference := _difference(words["recipe"], recipe.facts())):
        raise InvalidRequest(
            f"{path.parent} holds a run of another recipe ({difference}). "
            "Choose another folder, or delete this one to begin anew."
        )
    return Progress(**words["progress"])


def restore(path: Path, groups: Mapping[str, Variables]) -> None:
    """Put the run's state back into the variables.

    Raises `InvalidRequest` when it is that of a network of another form.
    """
    with np.load(path) as stored:
        for group, variables in groups.items():
            arrays = [stored[name] for name in sorted(stored.files) if name.startswith(f"{group}/")]
            if [array.shape for array in arrays] != [tuple(each.shape) for each in variables]:
                raise InvalidRequest(
                    f"{path.parent} holds a run of a network of that name with other weights: its "
                    "code has changed since. Choose another folder, or delete this one."
                )
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """In words; a field that a recipe did not have yet had its default."""
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
