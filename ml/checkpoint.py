"""Checkpoint: the whole state of a training run in one file, replaced after every epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from roadmask.errors import InvalidRequest

Variables = Sequence[Any]
"""Keras variables, in a fixed order."""


@dataclass
class Progress:
    """How far a run is."""

    epoch: int = 0
    """Epochs that are done."""
    best_epoch: int = 0
    best_score: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)
    """What was measured after each epoch."""


def save_checkpoint(
    path: Path, recipe: Mapping[str, Any], progress: Progress, groups: Mapping[str, Variables]
) -> None:
    """Write the run's state; a crash leaves the old file or the whole new one."""
    arrays: dict[str, Any] = {
        f"{group}/{index:04d}": np.asarray(variable)
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    arrays["words"] = np.array(json.dumps({"recipe": recipe, "progress": asdict(progress)}))
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def load_checkpoint(
    path: Path, recipe: Mapping[str, Any], groups: Mapping[str, Variables]
) -> Progress:
    """Put the run's state back into the variables.

    Raises `InvalidRequest` when the file is of a run of another recipe.
    """
    with np.load(path) as stored:
        words = json.loads(str(stored["words"]))
        if words["recipe"] != recipe:
            raise InvalidRequest(
                f"{path.parent} holds a run of another recipe "
                f"({_difference(words['recipe'], recipe)}). "
                "Choose another folder, or delete this one to begin anew."
            )
        for group, variables in groups.items():
            for index, variable in enumerate(variables):
                variable.assign(stored[f"{group}/{index:04d}"])
    return Progress(**words["progress"])


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key}: {stored.get(key)} there, {wanted.get(key)} here"
        for key in sorted({*stored, *wanted})
        if stored.get(key) != wanted.get(key)
    )
