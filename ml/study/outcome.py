"""Outcome: what a finished row came to, as JSON in its folder."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ml.study.machine import Machine

FILE = "outcome.json"


class Outcome(BaseModel):
    """The measured end of a row and the way there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    recipe: dict[str, object]
    data: dict[str, int]
    """Data sets learnt from, with their number of images."""
    validation: dict[str, int]
    """The data set measured on."""
    encoder: str
    """Name of the file that the encoder started from, where one was given."""
    parameters: int
    epoch: int
    """The epoch that was kept: the best on the validation data."""
    fit_seconds: float
    """Wall-clock time of all epochs, with their validation."""
    processor_seconds: float
    """Of all cores together, for the same."""
    iou: float
    """Soft and pooled, as the study measures: see `ml.measures.soft`."""
    accuracy: float
    mean_iou: float
    """Over the real categories, best answers at original size."""
    curves: dict[str, list[float]]
    """What was measured after each epoch, by name."""
    machine: Machine
    git_revision: str

    @property
    def dice(self) -> float:
        """Soft and pooled too: it follows from the IoU."""
        return 2 * self.iou / (1 + self.iou)

    def write(self, folder: Path) -> None:
        """Put it into the row's folder, whole or not at all."""
        draft = folder / f"draft-{FILE}"
        draft.write_text(self.model_dump_json(indent=2) + "\n")
        os.replace(draft, folder / FILE)


def read_outcome(folder: Path) -> Outcome | None:
    """The outcome in a row's folder; None while the row is not finished."""
    path = folder / FILE
    return Outcome.model_validate_json(path.read_bytes()) if path.exists() else None
