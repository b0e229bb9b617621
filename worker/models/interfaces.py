"""Protocols of the models that a worker uses.

`ml` implements `Artifact`, `Predictor` and `PredictorLoader`. An import of these implementations
would load their engines before a worker knows its model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roadmask.schemas.mask_parameters import MaskParameters, Quality
from roadmask.schemas.model_version import ModelVersion
from roadmask.schemas.models import Qualities


class Artifact(Protocol):
    """A model version on disk."""

    @property
    def model_version(self) -> ModelVersion:
        """Name and version."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of the model file (hex), part of the key of its masks."""
        ...


class Predictor(Protocol):
    """A model in memory: warmed by the thread that loads it, then called by inference threads."""

    @property
    def max_concurrency(self) -> int:
        """How many threads may call it at once. If more than 1, each call gets one image."""
        ...

    def at(self, quality: Quality) -> Predictor:
        """The predictor of this quality, on the same engine. Raises `InvalidRequest`."""
        ...

    def warm(self) -> None:
        """Run every batch size once, so that no image waits for compilation."""

    def release_memory(self, rest_s: float) -> None:
        """Free memory that no image has needed for `rest_s` seconds."""

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest (height, width) at which an image of this size may be decoded."""
        ...

    def predict(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> list[NDArray[np.uint8]]:
        """Masks, uint8 (H, W), of RGB images, uint8 (h, w, 3); `sizes` are (H, W) of each."""
        ...

    def predict_with_confidence(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """The same masks, each with the probability of its categories, float32 (H, W)."""
        ...


class PredictorLoader(Protocol):
    """Loads artifacts into memory."""

    def load(self, artifact: Any) -> Predictor:
        """The predictor of an artifact."""
        ...

    def parameters(self, artifact: Any, asked: MaskParameters) -> Mapping[str, object]:
        """The parameters that change the masks of an artifact, and so belong to their key: those of
        the engine, and those that a job asked for.

        Raises `InvalidRequest` if the artifact lacks the quality.
        """
        ...


class Repository(Protocol):
    """Finds artifacts by name; the implementation is `ModelRepository`."""

    @property
    def own(self) -> Artifact:
        """The artifact that the worker was started with."""
        ...

    @property
    def shipped(self) -> Sequence[ModelVersion]:
        """Versions that are installed with Roadmask."""
        ...

    @property
    def qualities(self) -> Mapping[str, Qualities]:
        """Qualities of the own and the shipped versions, by `name@version`."""
        ...

    @property
    def downloaded(self) -> int:
        """Bytes of models that have arrived so far; it grows during a download."""
        ...

    def find(self, name: str) -> Artifact:
        """The artifact with a name, a version or a `name@version`. Raises `ModelNotFound`."""
        ...
