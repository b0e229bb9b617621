"""Run: one training of one recipe on some folders, and what it tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.recipes.recipe import Recipe

Values = dict[str, float]
"""What is measured after an epoch: `loss`, `learning_rate`, and with validation data `mean_iou`,
`accuracy`, `soft_iou` and `iou/<category>`."""


@dataclass(frozen=True)
class Run:
    """One training run: what is learnt, from which folders, and where its files go."""

    recipe: Recipe
    data: Sequence[Path]
    validation: Sequence[Path]
    folder: Path
    """Gets `checkpoint.npz`, `samples.json`, `tensorboard/`, and at the end `artifact/`."""
    name: str
    """Name of the artifact."""
    encoder: Path | None = None
    """File of the weights that the encoder starts from; None: that of those the recipe names."""
    choice: str = ""
    """Why this model is shipped, for its card."""
    checkpoint_s: float = 300.0
    """Within an epoch, seconds from one checkpoint to the next."""
    workers: int | None = None
    """That prepare the views, which do not depend on it; None: as many as suit the machine."""

    @property
    def checkpoint(self) -> Path:
        """The file that the run goes on from."""
        return self.folder / "checkpoint.npz"


@dataclass(frozen=True)
class Moment:
    """Where a run is: after a step, or after an epoch when it comes with values."""

    epoch: int
    step: int
    """Steps of the epoch that are done."""
    steps: int
    """Steps of a whole epoch."""
    images: int
    """Images of a step."""
    loss: float
    """Of the last step."""
    precision: str
    """Arithmetic of the run, in words."""
    values: Values | None = None


Report = Callable[[Moment], None]
"""Called after each step and after each epoch."""
