"""A model whose masks are obvious: bright pixels are sky, dark pixels are flat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from roadmask.schemas.mask_parameters import MaskParameters, Quality
from roadmask.schemas.model_version import ModelVersion
from roadmask.schemas.models import Qualities
from storage.models.qualities import card_qualities
from worker.models.loaded import LoadedModels

FLAT, SKY = 1, 5
Images = Sequence[NDArray[np.uint8]]
Sizes = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class TinyArtifact:
    name: str = "brightness"
    version: str = "1"
    sha256: str = "b" * 64

    @property
    def model_version(self) -> ModelVersion:
        return ModelVersion(self.name, self.version)


def find(name: str) -> TinyArtifact:
    """The artifact of any name."""
    own = TinyArtifact()
    if name in (own.name, "brightness@1"):
        return own
    return TinyArtifact(name, "1", (name * 64)[:64])


class TinyRepository:
    """Has an artifact of every name."""

    own = TinyArtifact()
    shipped: Sequence[ModelVersion] = ()
    downloaded = 0
    qualities: Mapping[str, Qualities] = {
        "brightness@1": card_qualities({"qualities": {"best": {}}})
    }

    def find(self, name: str) -> TinyArtifact:
        return find(name)


@dataclass(frozen=True)
class TinyLoader:
    """Loads artifacts with a function of the test."""

    load_artifact: Callable[[TinyArtifact], Brightness]

    def load(self, artifact: TinyArtifact) -> Brightness:
        return self.load_artifact(artifact)

    def parameters(self, artifact: TinyArtifact, asked: MaskParameters) -> Mapping[str, object]:
        return asked.given()


def models_loaded_by(load_artifact: Callable[[TinyArtifact], Brightness]) -> LoadedModels:
    return LoadedModels(TinyRepository(), TinyLoader(load_artifact))


def no_fault(images: Images) -> None:
    """The `fault` of a model that works."""


@dataclass(eq=False)
class Brightness:
    """A predictor that thresholds brightness. It records its batches and calls `fault` before each.

    `fault` may block or raise.
    """

    fault: Callable[[Images], None] = no_fault
    batches: list[int] = field(default_factory=list)
    """Sizes of the batches since `warm`."""
    qualities: list[Quality] = field(default_factory=list)
    """Those asked for since `warm`."""
    max_concurrency: int = 1
    rest_s: float | None = None
    """What `release_memory` was called with last."""

    def at(self, quality: Quality) -> Brightness:
        """The same masks in every quality."""
        self.qualities.append(quality)
        return self

    def warm(self) -> None:
        self.batches.clear()
        self.qualities.clear()

    def release_memory(self, rest_s: float) -> None:
        self.rest_s = rest_s

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def predict(self, images: Images, sizes: Sizes) -> list[NDArray[np.uint8]]:
        self.batches.append(len(images))
        self.fault(images)
        return [expected_mask(image) for image in images]

    def predict_with_confidence(
        self, images: Images, sizes: Sizes
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        masks = self.predict(images, sizes)
        return [(mask, expected_confidence(i)) for mask, i in zip(masks, images, strict=True)]

    @property
    def inferred(self) -> int:
        """Images since `warm`."""
        return sum(self.batches)

    def models(self) -> LoadedModels:
        """Models that are all this predictor."""
        return models_loaded_by(lambda _: self)


@dataclass(eq=False)
class Darkness(Brightness):
    """The opposite of `Brightness`: dark pixels are sky."""

    def predict(self, images: Images, sizes: Sizes) -> list[NDArray[np.uint8]]:
        return [(FLAT + SKY - mask).astype(np.uint8) for mask in super().predict(images, sizes)]


def expected_mask(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask, uint8 (H, W), of an RGB image, uint8 (H, W, 3)."""
    mask: NDArray[np.uint8] = np.where(image.mean(axis=2) > 127, SKY, FLAT).astype(np.uint8)
    return mask


def expected_confidence(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The confidence, float32 (H, W): 0.5 for medium grey, 1 for black and white."""
    confidence: NDArray[np.float32] = 0.5 + np.abs(image.mean(axis=2) - 127.5) / 255
    return confidence.astype(np.float32)
