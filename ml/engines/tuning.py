"""Tuning: what was measured of the engines on one machine, and the one that was chosen."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from roadmask.settings import EngineName

TOLERANCE = 0.003
"""Mean IoU that an engine may lose against float32 in Keras."""


class Trial(BaseModel):
    """One engine as it was measured."""

    model_config = ConfigDict(frozen=True)

    engine: EngineName
    images_per_s: float
    """Median over the repeats."""
    speed_up: float
    """Times the images per second of Keras: the median of the ratios within each repeat."""
    agreement: float
    """Share of all pixels that have the category of Keras."""
    mean_iou: float
    loss: float
    """Of mean IoU, against Keras."""

    @property
    def close(self) -> bool:
        """Whether it loses little enough to serve."""
        return self.loss <= TOLERANCE


class Tuning(BaseModel):
    """The trials of one artifact, beside its forms as JSON."""

    model_config = ConfigDict(frozen=True)

    machine: dict[str, str]
    """The processor and the version of OpenVINO: elsewhere another engine may be faster."""
    data: str
    """What the engines were measured on."""
    images: int
    trials: list[Trial]
    engine: EngineName
    """The fastest that is close enough."""

    @property
    def why(self) -> str:
        """The choice in words."""
        trial = next(each for each in self.trials if each.engine == self.engine)
        return f"{trial.speed_up:.2f} times Keras, {-100 * trial.loss:+.2f} points of mean IoU"


def best(trials: list[Trial]) -> Trial:
    """The fastest of those that are close enough."""
    return max((each for each in trials if each.close), key=lambda each: each.speed_up)


def read_tuning(path: Path) -> Tuning | None:
    """What was measured, if it was, by this version of the program."""
    try:
        return Tuning.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
