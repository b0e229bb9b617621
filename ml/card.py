"""Card: what an artifact says of itself, as JSON beside the model."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ml.fit import Fit
from roadmask.categories import Category, Taxonomy
from roadmask.jobs import Scores

PREPROCESSING = (
    "Any RGB uint8 image is resized to the fit's size (area averaging when it shrinks, else "
    "bilinear); scaling its values is the model's own first layer. Logits are resized bilinearly "
    "to the image's size before the best category is chosen."
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(_Part):
    """One category as the card spells it out."""

    name: str
    color: tuple[int, int, int]


class Categories(_Part):
    """The taxonomy of the masks, in full, so that an artifact is readable alone."""

    name: str
    void: int
    void_is_an_answer: bool = False
    """Whether masks of this model may hold void."""
    labels: list[Label]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> Categories:
        """As the card writes a taxonomy."""
        labels = [Label(name=c.name, color=c.color) for c in taxonomy.categories]
        return cls(name=taxonomy.name, void=taxonomy.void, labels=labels)

    def taxonomy(self) -> Taxonomy:
        """The taxonomy that was written."""
        categories = (Category(i, label.name, label.color) for i, label in enumerate(self.labels))
        return Taxonomy(self.name, tuple(categories), self.void)


class Measurement(_Part):
    """Scores on one data set, at the images' own size, through the Predictor that serves."""

    dataset: str
    scores: Scores
    soft_iou: float | None = None
    """Jaccard index of the probabilities, pixels and categories pooled: see `ml.measures.soft`."""
    float32_mean_iou: float | None = None
    """Of the same weights before they were stored: what half precision costs is the difference."""


class Provenance(_Part):
    """Where a model comes from."""

    recipe: dict[str, object]
    data: dict[str, int]
    """Data sets trained on, with their number of images."""
    encoder_sha256: str | None = None
    """Of the file that the encoder's weights started from; the recipe names it."""
    epochs: int
    """The epoch whose weights these are."""
    seed: int
    git_revision: str
    """Of the code, when the run began."""
    date: datetime
    seconds: float | None = None
    """Wall-clock time of the training, validation included."""
    precision_ms: dict[str, float] = {}
    """Milliseconds of a step in each precision, where the recipe's was chosen by measurement."""
    versions: dict[str, str] = {}
    """Of the libraries, when the model was published."""


class Card(_Part):
    """Everything a user of the model should know before using it."""

    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of `model.keras`."""
    version: str
    """The first 12 digits of `sha256`."""
    network: str
    parameters: int
    categories: Categories
    fit: Fit
    preprocessing: str = PREPROCESSING
    metrics: list[Measurement]
    curves: dict[str, list[float]] = {}
    """What was measured after each epoch of the training, by name."""
    provenance: Provenance
    choice: str = ""
    """Why this model is shipped."""
    notices: list[str]
    """Terms of the data it learnt from, with the citations these ask for."""
    limits: list[str]
    """What it is not good for."""


def git_revision() -> str:
    """The revision of the code, `+` added when files differ from it; `unknown` outside of git."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def now() -> datetime:
    """The time for a card: UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
