"""Predictor: an Artifact loaded in memory."""

from __future__ import annotations

from ml.artifact import Artifact
from ml.segmenter import Segmenter


class Predictor(Segmenter):
    """uint8 RGB images in, uint8 masks out, as the artifact's card says. Thread-confined."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        super().__init__(artifact.load_model(), artifact.card.fit, artifact.answers)
