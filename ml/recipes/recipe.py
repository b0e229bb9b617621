"""Recipe: every setting of a training run except its data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from roadmask.errors import InvalidRequest

GEOMETRY = ("crop", "mirror", "tilt", "roll", "lens")
"""Augmentations that also transform the truth: see `ml.data.augmentation`."""
AUGMENTATIONS = (
    *GEOMETRY,
    "colour",
    *("fog", "haze", "rain", "snow", "dusk", "gamma", "temperature", "grey"),
    *("jpeg", "motion", "blur", "noise", "scaling"),
)
"""All augmentations: see `ml.data.augmentation` and `ml.data.conditions`."""


Precision = Literal["float32", "mixed_bfloat16", "auto"]
"""Precision of the training. `auto` is the fastest one on the machine where the run begins."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run. Sizes are (height, width) in pixels, multiples of 16."""

    name: str
    network: str
    """Name of the network: see `ml.networks.registry`."""
    encoder: str = ""
    """Name of the encoder's initial weights; empty: random weights."""
    frozen: tuple[str, ...] = ()
    """Prefixes of the names of layers that are not trained."""
    crop: tuple[int, int]
    """Size of the training views."""
    budget: int = 131_072
    """Pixels of a whole image in serving: see `ml.registry.input_size`."""
    zoom: tuple[float, float] = (0.7, 1.6)
    """Range of the views' scale. 1 is the scale of serving."""
    augmentations: tuple[str, ...] = AUGMENTATIONS
    """Augmentations of the views. Without "crop", whole images are resized to the size of `crop`.
    """
    spoilt: float = 0.5
    """Share of the views with weather, poor light or a camera artifact."""
    augment_share: float = 0.0
    """Share of generated images.

    0: every view goes through `augmentations`, each at random, anew in every epoch. Above 0: whole
    images, and as many generated images as this share of their number. Each of them is an image
    with one of the `augmentations`, drawn once for the whole run.
    """
    batch: int = 8
    epochs: int = 100
    learning_rate: float = 2e-3
    """Peak of the cosine schedule."""
    encoder_rate: float = 1.0
    """Learning rate of the layers with trained weights, as a share of `learning_rate`."""
    warmup: float = 0.05
    """Share of all steps in which the learning rate rises to its peak."""
    weight_decay: float = 1e-3
    loss: str = "cross_entropy"
    """Name of the loss: see `ml.training.losses`."""
    category_weights: tuple[float, ...] = ()
    """Weights of the real categories in the loss, 0 or more; empty: all 1."""
    distillation: float = 0.0
    """Share of the cross-entropy against soft labels in the loss: see `ml.data.soft_labels`.

    0: soft labels are not read. Samples without soft labels have their truth in place of them.
    """
    averaging: float = 0.998
    """Decay of the running average of the weights. The average is what is measured and kept."""
    patience: int = 30
    """Early stopping: the run ends after this number of epochs without a better validation score.
    """
    precision: Precision = "float32"
    seed: int = 1

    def __post_init__(self) -> None:
        self._check_numbers()
        unknown = [name for name in self.augmentations if name not in AUGMENTATIONS]
        if unknown:
            raise InvalidRequest(
                f"There is no augmentation {unknown[0]!r}; choose from {', '.join(AUGMENTATIONS)}."
            )
        if self.augment_share and not (self.augmentations and 0 < self.augment_share <= 1):
            raise InvalidRequest(
                f"augment_share is {self.augment_share} with {len(self.augmentations)} "
                "augmentations: give a share from 0 to 1, and name what its images go through."
            )

    def _check_numbers(self) -> None:
        least = {"batch": 1, "epochs": 1, "patience": 1, "budget": 1024, "seed": 0}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise InvalidRequest(f"{name} is {getattr(self, name)}: give {lowest} or more.")
        if min(self.category_weights, default=0) < 0:
            raise InvalidRequest(
                f"category_weights is {list(self.category_weights)}: give 0 or more for each."
            )
        if not 0 <= self.distillation <= 1:
            raise InvalidRequest(f"distillation is {self.distillation}: give a share from 0 to 1.")
        if min(self.crop) < 16 or any(side % 16 for side in self.crop):
            raise InvalidRequest(f"crop is {list(self.crop)}: give multiples of 16 pixels.")
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise InvalidRequest(
                f"zoom is {list(self.zoom)}: give a range of scales such as [0.7, 1.6]."
            )

    def smoke(self) -> Recipe:
        """The same run in seconds, to check that it works."""
        return replace(self, crop=(64, 96), budget=64 * 96, batch=2, epochs=2)

    def facts(self) -> dict[str, Any]:
        """The recipe as JSON values, for the card and to compare runs."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }
