"""Tuning result: the measurements of all engines on one machine, and the chosen engine."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from roadmask.settings import EngineName

TOLERANCE = 0.003
"""Largest loss of mean IoU against float32 Keras that an engine may have."""


class Trial(BaseModel):
    """The measurement of one engine."""

    model_config = ConfigDict(frozen=True)

    engine: EngineName
    images_per_s: float
    """Median over the repeats."""
    speed_up: float
    """Ratio of its images per second to those of Keras: the median over the repeats."""
    agreement: float
    """Share of all pixels with the same category as in Keras."""
    mean_iou: float
    loss: float
    """Loss of mean IoU against Keras."""

    @property
    def close(self) -> bool:
        """True if its loss is within the tolerance."""
        return self.loss <= TOLERANCE


class TuningResult(BaseModel):
    """The trials of one artifact, as JSON beside its compiled networks."""

    model_config = ConfigDict(frozen=True)

    machine: dict[str, str]
    """The processor and the version of OpenVINO. On others, another engine may be faster."""
    data: str
    """The dataset of the measurement."""
    images: int
    trials: list[Trial]
    engine: EngineName
    """The fastest engine within the tolerance."""

    @property
    def why(self) -> str:
        """The reason for the choice."""
        trial = next(each for each in self.trials if each.engine == self.engine)
        return f"{trial.speed_up:.2f} times Keras, {-100 * trial.loss:+.2f} points of mean IoU"


def best(trials: list[Trial]) -> Trial:
    """The fastest trial within the tolerance."""
    return max((each for each in trials if each.close), key=lambda each: each.speed_up)


def read_tuning_result(path: Path) -> TuningResult | None:
    """The stored result; None if there is none of this version of the program."""
    try:
        return TuningResult.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
