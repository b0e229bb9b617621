"""Row result: the scores and costs of a finished row, as JSON in its folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ml.study.machine import Machine
from roadmask.atomic import replacing

FILE = "outcome.json"


class RowResult(BaseModel):
    """The scores and the costs of a finished row."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    row: str
    recipe: dict[str, object]
    data: dict[str, int]
    """Data sets learnt from, with their number of images."""
    validation: dict[str, int]
    """The data set measured on."""
    pixels: str = ""
    """What was said about the samples of the images."""
    encoder: str
    """Name of the file that the encoder started from, where one was given."""
    parameters: int
    epoch: int
    """The epoch that was kept: the best on the validation data."""
    train_seconds: float = Field(alias="fit_seconds")
    """Wall-clock time of all epochs, with their validation."""
    processor_seconds: float
    """Of all cores together, for the same."""
    iou: float
    """Soft and pooled, as the study measures: see `ml.evaluation.measures.soft`."""
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
        """Write it to the row's folder, whole or not at all."""
        with replacing(folder / FILE) as draft:
            draft.write_text(self.model_dump_json(indent=2) + "\n")


def read_row_result(folder: Path) -> RowResult | None:
    """The result in a row's folder; None while the row is not finished."""
    path = folder / FILE
    return RowResult.model_validate_json(path.read_bytes()) if path.exists() else None
