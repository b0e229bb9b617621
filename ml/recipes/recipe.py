"""Recipe: everything that decides how a training run comes out, its data aside."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from roadmask.errors import InvalidRequest

AUGMENTATIONS = ("crop", "mirror", "tilt", "colour", "fog", "rain", "blur", "noise")
"""What a view may go through: see `ml.data.augmentation`."""


Precision = Literal["float32", "mixed_bfloat16", "auto"]
"""Arithmetic of the training; `auto`: the faster one on the machine that the run begins on."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run. Sizes are (height, width) in pixels, multiples of 16."""

    name: str
    network: str
    """Name of the network: see `ml.models.registry`."""
    encoder: str = ""
    """Name of the weights that the encoder starts from, given as a file; empty: random ones."""
    frozen: tuple[str, ...] = ()
    """Layers that keep the encoder's weights: those whose names begin with one of these."""
    crop: tuple[int, int]
    """Size of the views that are learnt from."""
    budget: int = 131_072
    """Pixels of a whole image as the network meets it when it serves: see `ml.fit`."""
    zoom: tuple[float, float] = (0.7, 1.6)
    """Scale of the views, 1 being the scale of serving."""
    augmentations: tuple[str, ...] = AUGMENTATIONS
    """What the views go through; without "crop", whole images brought to the size of `crop`."""
    augment_share: float = 0.0
    """0: every view goes through `augmentations`, each by chance, anew in every epoch. Above 0:
    whole images, and so many generated ones added to them, as a share of their number. Each is an
    image seen through one of the `augmentations`, drawn once for the whole run."""
    batch: int = 8
    epochs: int = 100
    learning_rate: float = 2e-3
    """Peak of the cosine schedule."""
    warmup: float = 0.05
    """Share of all steps in which the learning rate rises to its peak."""
    weight_decay: float = 1e-3
    loss: str = "cross_entropy"
    """Name of the loss: see `ml.losses`."""
    category_weights: tuple[float, ...] = ()
    """Weights of the real categories in the loss; empty: all alike."""
    averaging: float = 0.998
    """Decay of the running average of the weights, which is what is measured and kept."""
    patience: int = 30
    """Epochs without a better validation score after which the run stops."""
    precision: Precision = "float32"
    seed: int = 1

    def __post_init__(self) -> None:
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

    def smoke(self) -> Recipe:
        """The same run in seconds: to see that it works, not to learn much."""
        return replace(self, crop=(64, 96), budget=64 * 96, batch=2, epochs=2)

    def facts(self) -> dict[str, Any]:
        """As JSON-able values, for the card and for telling runs apart."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }
