"""Training run: one recipe, its folders, and the steps that it reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.data.data_source import DataSource
from ml.recipes.recipe import Recipe
from ml.registry.artifact import Artifact
from roadmask.errors import InvalidRequest
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.schemas.model_version import is_model_name

EpochMetrics = dict[str, float]
"""Metrics of an epoch: `loss` and `learning_rate`; with validation data also `mean_iou`,
`accuracy`, `soft_iou` and `iou/<category>`.
"""


@dataclass(frozen=True)
class Run:
    """One training run: its recipe, its data, and the folder of its files."""

    recipe: Recipe
    data: Sequence[DataSource]
    validation: Sequence[Path]
    folder: Path
    """Folder of `checkpoint.npz`, `samples.json`, `tensorboard/` and, at the end, `artifact/`."""
    name: str
    """Name of the artifact."""
    encoder: Path | None = None
    """File of the encoder's initial weights; None: the weights that the recipe names."""
    base_model: Artifact | None = None
    """The model whose weights the run begins with, to fine-tune them; None: it trains anew."""
    choice: str = ""
    """The reason why this model is shipped, for its card."""
    checkpoint_s: float = 300.0
    """Seconds between two checkpoints within an epoch."""
    workers: int | None = None
    """Number of data workers; None: as many as suit the machine. The views do not depend on it."""

    reading: Reading = AS_FOUND
    """How `validation` is read; the sources of `data` have readings of their own."""

    def __post_init__(self) -> None:
        # After days of training it would be too late to hear that no job can name the model.
        if not is_model_name(self.name) or "@" in self.name:
            raise InvalidRequest(
                f"{self.name[:80]!r} cannot name a model. Use letters of ASCII, digits, `.`, `_` "
                "and `-`, at most 128, and no `.` or `-` in front."
            )

    @property
    def checkpoint(self) -> Path:
        """The file from which the run resumes."""
        return self.folder / "checkpoint.npz"


@dataclass(frozen=True)
class TrainingStep:
    """The position of a run after a step, or after an epoch if `values` is set."""

    epoch: int
    step: int
    """Finished steps of the epoch."""
    steps: int
    """Steps of a whole epoch."""
    images: int
    """Images per step."""
    loss: float
    """Loss of the last step."""
    precision: str
    """Description of the run's precision."""
    values: EpochMetrics | None = None


StepCallback = Callable[[TrainingStep], None]
"""Called after each step and after each epoch."""
