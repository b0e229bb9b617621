"""Partial labels: what a data set may teach whose annotation names only some categories."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

RECORD = "labels.json"
"""Beside `images/` and `masks/`: how the labels were made."""


class PartialLabels(BaseModel):
    """What a data set may teach, and how far a teacher is trusted with the rest."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    teaches: tuple[str, ...]
    """Categories whose annotation is kept."""
    sure: float = Field(default=0.7, ge=0, le=1)
    """Probability from which the teacher's word counts, for a category that is not taught."""
    doubt: float = Field(default=1.0, ge=0, le=1)
    """An annotated pixel is void where the teacher gives the categories that are not taught more
    probability than this; 1 keeps all."""
    teacher: str = ""
    """`name@version` of the model; of several, each with its weight."""
