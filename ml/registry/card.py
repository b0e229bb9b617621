"""Card: the description of an artifact, as JSON beside the model."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml.data.partial_labels import PartialLabels
from ml.registry.input_size import InputSize
from ml.registry.quality import QualityMode
from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import Category, Taxonomy
from roadmask.schemas.ids import SHA256
from roadmask.schemas.jobs import Scores
from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.model_version import ModelVersion

PREPROCESSING = (
    "Any RGB uint8 image is resized to the network's input size (area averaging when it shrinks, "
    "else bilinear); scaling its values is the model's own first layer. Logits are resized "
    "bilinearly to the image's size before the best category is chosen."
)


_Byte = Annotated[int, Field(ge=0, le=255)]


class _Part(BaseModel):
    """Facts that describe a model. Those that a newer version adds are ignored, so that workers of
    both versions serve the model, and an older one after a roll-back.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class _MaskPart(_Part):
    """Facts that decide what the masks are, as `InputSize` and `QualityMode` do. Unknown ones are
    refused: without them the masks would be others.
    """

    model_config = ConfigDict(extra="forbid")


class Label(_MaskPart):
    """One category of the card's taxonomy."""

    name: str
    color: tuple[_Byte, _Byte, _Byte]


class Categories(_MaskPart):
    """The taxonomy of the masks, written out so that the artifact needs no other file."""

    name: str
    void: int
    void_is_an_answer: bool = False
    """True if masks of this model can hold void."""
    labels: list[Label] = Field(min_length=2, max_length=256)

    @model_validator(mode="after")
    def _check(self) -> Categories:
        if not 0 <= self.void < len(self.labels):
            raise ValueError(f"void is {self.void}, and there are {len(self.labels)} labels")
        if len({label.name for label in self.labels}) < len(self.labels):
            raise ValueError("two labels have the same name")
        return self

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> Categories:
        """The card's form of a taxonomy."""
        labels = [Label(name=c.name, color=c.color) for c in taxonomy.categories]
        return cls(name=taxonomy.name, void=taxonomy.void, labels=labels)

    def taxonomy(self) -> Taxonomy:
        """The taxonomy of the card."""
        categories = (Category(i, label.name, label.color) for i, label in enumerate(self.labels))
        return Taxonomy(self.name, tuple(categories), self.void)


class Measurement(_Part):
    """Scores on one dataset: at the images' own size, by the Predictor that serves."""

    dataset: str
    scores: Scores
    soft_iou: float | None = None
    """Jaccard index of the probabilities, pooled: see `ml.evaluation.measures.soft`."""
    ece: float | None = None
    """Expected calibration error: see `ml.evaluation.measures.calibration`."""
    pixels: str = ""
    """What was said about the samples of its images, as in `bits=12,cfa=RGGB`."""
    float32_mean_iou: float | None = None
    """Mean IoU of the same weights in float32, before they were stored in half precision."""


class Calibration(_Part):
    """What was put right in the last layer: see `ml.training.calibration`."""

    weight_share: float
    """Of the logarithm of the loss's category weights, what was taken off the bias."""
    temperature: float
    """What the logits were divided by."""


class Robustness(_Part):
    """Mean IoU on corrupted images: see `ml.evaluation.robustness`."""

    dataset: str
    images: int
    clean: float | None
    mean: float | None
    """Over all corruptions and severities."""
    per_condition: dict[str, dict[str, float | None]]
    """By corruption: `mild` and `severe`; None where no annotated pixel was left."""


class Provenance(_Part):
    """The origin of a model."""

    recipe: dict[str, object]
    data: dict[str, int]
    """Training datasets, with their number of images."""
    data_weights: dict[str, float] = {}
    """How often an epoch shows each image of a data set, on average."""
    pixels: dict[str, str] = {}
    """What was said about the samples of data sets, as in `bits=12,cfa=RGGB`."""
    pseudo_labels: dict[str, PartialLabels] = {}
    """Data sets with a partial annotation, and how a teacher completed it."""
    encoder_sha256: str | None = None
    """The sha256 of the encoder's initial weights. The recipe names them."""
    base_model: str = ""
    """The model that was fine-tuned, as `name@version`; empty: it was trained anew."""
    epochs: int
    """The epoch whose weights these are."""
    seed: int
    git_revision: str
    """The revision of the code when the run began."""
    date: datetime
    seconds: float | None = None
    """Wall-clock time of the training, validation included."""
    precision_ms: dict[str, float] = {}
    """Milliseconds per step in each precision, if the precision was chosen by measurement."""
    versions: dict[str, str] = {}
    """Versions of the libraries when the model was published."""


class Card(_Part):
    """Everything a user of the model should know before using it."""

    name: str
    sha256: str = Field(pattern=SHA256)
    """The sha256 of `model.keras`, hex."""
    version: str
    """The first 12 digits of `sha256`."""
    network: str
    parameters: int
    categories: Categories
    input_size: InputSize = Field(alias="fit")
    """The size at which the network sees an image; `fit` in the JSON."""
    preprocessing: str = PREPROCESSING
    qualities: dict[Quality, QualityMode] = {}
    """What `fast` and `best` are; `standard` is one view at `input_size`."""
    metrics: list[Measurement]
    calibration: Calibration | None = None
    robustness: Robustness | None = None
    curves: dict[str, list[float]] = {}
    """Metrics after each epoch of the training, by name."""
    provenance: Provenance
    choice: str = ""
    """The reason why this model is shipped."""
    notices: list[str]
    """Terms of the training data, with the citations that they require."""
    limits: list[str]
    """Known limits of the model."""

    @property
    def model_version(self) -> ModelVersion:
        return ModelVersion(self.name, self.version)


def quality_mode(card: Card, quality: Quality) -> QualityMode:
    """What a quality means for a model. Raises `InvalidRequest` if the card has no such mode."""
    modes = {"standard": QualityMode(input_size=card.input_size), **card.qualities}
    if quality not in modes:
        raise InvalidRequest(
            f"{card.name} has no quality {quality!r}; choose from {', '.join(modes)}."
        )
    return modes[quality]


def git_revision() -> str:
    """The revision of the code, with `+` if files differ from it; `unknown` outside of git."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def now() -> datetime:
    """The current time in UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
