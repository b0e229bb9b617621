"""Quality mode: what a quality means for a model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ml.registry.input_size import InputSize


class QualityMode(BaseModel):
    """What the network sees of an image in one quality."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_size: InputSize
    scales: tuple[float, ...] = (1.0,)
    """Of the sides; the probabilities of all views are averaged."""
    mirror: bool = False
    """Whether each view is also shown mirrored."""
