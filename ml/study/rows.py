"""Rows of the study: three networks, two losses, three augmentations, everything together.

Published figures: those of the study that Roadmask repeats, measured on Cityscapes val.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ml.recipes.recipe import Recipe
from ml.registry.input_size import InputSize
from roadmask.errors import InvalidRequest

_PIXELS = 192 * 256

PROTOCOL = Recipe(
    name="study",
    network="vgg_unet",
    encoder="vgg16_hed",
    crop=(192, 256),
    budget=_PIXELS,
    batch=8,
    epochs=100,
    patience=5,
    learning_rate=1e-3,
    warmup=0.01,
    averaging=0.99,
    loss="cross_entropy",
    augmentations=(),
    precision="auto",
)
"""What all rows have in common, but for what a row is about. Early stopping ends a run: within the
first epochs of 100 the cosine schedule hardly falls."""

SHARE = 0.1
"""Of generated images that each augmentation adds to the data."""


class Published(NamedTuple):
    """The study's own figures for a row."""

    iou: float
    dice: float
    accuracy: float


@dataclass(frozen=True)
class Row:
    """One run of the study."""

    name: str
    title: str
    published: Published
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the recipe in which the row differs from the protocol."""

    def recipe(self, protocol: Recipe) -> Recipe:
        """The row's run under a protocol."""
        return replace(protocol, name=self.name, **self.changes)


def _added(*names: str) -> dict[str, Any]:
    return {"augmentations": names, "augment_share": round(SHARE * len(names), 2)}


_ROWS = (
    Row(
        "unet_mini",
        "U-Net mini",
        Published(0.729, 0.842, 0.877),
        {"network": "unet_mini", "encoder": ""},
    ),
    Row("unet", "U-Net", Published(0.740, 0.850, 0.882), {"network": "unet", "encoder": ""}),
    Row("vgg_unet", "VGG16 U-Net (base)", Published(0.764, 0.865, 0.899)),
    Row(
        "kl",
        "VGG16 U-Net, Kullback-Leibler loss",
        Published(0.784, 0.878, 0.901),
        {"loss": "kullback_leibler"},
    ),
    Row("mirror", "VGG16 U-Net + mirror", Published(0.738, 0.848, 0.888), _added("mirror")),
    Row("fog", "VGG16 U-Net + fog", Published(0.751, 0.857, 0.890), _added("fog")),
    Row("rain", "VGG16 U-Net + rain", Published(0.773, 0.872, 0.893), _added("rain")),
    Row(
        "optimal",
        "VGG16 U-Net, everything (optimal)",
        Published(0.793, 0.884, 0.899),
        {"loss": "kullback_leibler", **_added("mirror", "fog", "rain")},
    ),
)

ROWS = {row.name: row for row in _ROWS}
"""By name, in the study's order."""


def find_rows(names: str) -> list[Row]:
    """Rows by their names with commas between, in the study's order; empty: all.

    Raises `InvalidRequest` on a name that there is not.
    """
    wanted = {name.strip() for name in names.split(",") if name.strip()} or set(ROWS)
    if unknown := sorted(wanted - set(ROWS)):
        raise InvalidRequest(
            f"The study has no row {', '.join(unknown)}; choose from {', '.join(ROWS)}."
        )
    return [row for row in _ROWS if row.name in wanted]


def protocol_for(height: int, width: int, epochs: int | None, smoke: bool) -> Recipe:
    """The protocol for images of that height and width: learnt from at the size they serve at.

    `smoke` is the same in about a minute for all rows, from random weights.
    """
    budget = 32 * 64 if smoke else _PIXELS
    protocol = replace(PROTOCOL, budget=budget, crop=InputSize(budget=budget).size(height, width))
    if smoke:
        protocol = replace(protocol, encoder="", epochs=1, batch=4)
    if epochs:
        protocol = replace(protocol, epochs=epochs)
    return protocol
