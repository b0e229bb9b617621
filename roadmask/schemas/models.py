"""Models as JSON: their versions, and which one is in service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.wire import Wire

LONGEST_WAIT_S = 600.0
"""Longest time that a promotion waits for the workers, seconds."""


class QualityInfo(Wire):
    """What a quality means for a model: what the network sees of an image."""

    input_pixels: int | None = None
    """About how many pixels of an image the network sees, at the scale 1."""
    scales: tuple[float, ...] = (1.0,)
    """Of the sides. The probabilities of all views are averaged."""
    mirror: bool = False
    """Whether each view is also shown mirrored."""


Qualities = dict[Quality, QualityInfo]


class Model(Wire):
    """A version of a model."""

    name: str
    version: str
    in_service: bool
    """Whether jobs that name no model get this version."""
    published: bool
    """Whether it is in the object store. Others are installed with workers."""
    pushed_at: datetime | None = None
    size: int | None = None
    """Size of the model, bytes."""
    mean_iou: float | None = None
    """Mean IoU on the first dataset of its card."""
    qualities: Qualities = Field(default_factory=dict)
    """What each `quality` of a job means for it; empty while no worker that has it is alive."""
    card: dict[str, Any] | None = None
    """The artifact's card: data, recipe, metrics, licence terms, limits."""


def mean_iou(card: Mapping[str, Any] | None) -> float | None:
    """The mean IoU of a card on its first dataset."""
    measured = (card or {}).get("metrics") or [{}]
    figure: float | None = measured[0].get("scores", {}).get("mean_iou")
    return figure


class Deployment(Wire):
    """A promotion or a rollback."""

    made_at: datetime
    action: str
    """`promote` or `rollback`."""
    model: str | None
    """`name@version` in service from then on; null: the model that each worker was started with."""


class ModelList(Wire):
    """All models, and the history of promotions and rollbacks."""

    in_service: str | None
    """`name@version` for jobs that name no model; null when workers differ or none is alive."""
    models: list[Model]
    history: list[Deployment]
    """The last 20 deployments, newest first."""
