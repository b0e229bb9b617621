"""Predictor: an Artifact loaded in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.engines.choice import Choice
from ml.engines.engine import Engine
from ml.inference.segmenter import Segmenter, Size
from ml.inference.tta import predict_views, tta_views
from ml.registry.artifact import Artifact
from ml.registry.card import quality_mode
from roadmask.schemas.mask_parameters import Quality

REFERENCE = Choice("keras", "the reference")


class Predictor(Segmenter):
    """uint8 RGB images in, uint8 masks out, at the input size of the artifact's card."""

    def __init__(
        self,
        artifact: Artifact,
        choice: Choice = REFERENCE,
        quality: Quality = "standard",
        engine: Engine | None = None,
    ) -> None:
        self.artifact = artifact
        self.choice = choice
        mode = quality_mode(artifact.card, quality)
        self._views = tta_views(mode.scales, mode.mirror)
        super().__init__(engine or _open(artifact, choice), mode.input_size)

    def at(self, quality: Quality) -> Predictor:
        """The predictor of another quality, on the same engine."""
        return Predictor(self.artifact, self.choice, quality, self._engine)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) of the largest view of an image of that height and width."""
        largest = max(view.scale for view in self._views)
        return self._input_size.scaled(largest).size(height, width)

    def predict(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size] | None = None
    ) -> list[NDArray[np.uint8]]:
        """As `Segmenter.predict`, from all views of the quality."""
        if len(self._views) == 1:
            return super().predict(images, sizes)
        return [each.mask() for each in predict_views(self, images, self._views, sizes)]

    def predict_with_confidence(
        self, images: Sequence[NDArray[np.uint8]], sizes: Sequence[Size] | None = None
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """As `Segmenter.predict_with_confidence`, from all views of the quality."""
        if len(self._views) == 1:
            return super().predict_with_confidence(images, sizes)
        found = predict_views(self, images, self._views, sizes)
        return [(each.mask(), each.confidence()) for each in found]


def _open(artifact: Artifact, choice: Choice) -> Engine:
    # Only the library that is used: TensorFlow alone takes seconds and half a gigabyte.
    if choice.network is None:
        from ml.engines.keras_engine import KerasEngine

        return KerasEngine(artifact.load_model(), artifact.answers)
    from ml.engines.openvino_engine import OpenVINOEngine

    return OpenVINOEngine(choice.network, choice.precision, artifact.answers)
