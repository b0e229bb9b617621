"""Predictor: an Artifact loaded in memory."""

from __future__ import annotations

from ml.artifact import Artifact
from ml.engines.choice import Choice
from ml.engines.engine import Engine
from ml.segmenter import Segmenter

REFERENCE = Choice("keras", "the reference")


class Predictor(Segmenter):
    """uint8 RGB images in, uint8 masks out, as the artifact's card says."""

    def __init__(self, artifact: Artifact, choice: Choice = REFERENCE) -> None:
        self.artifact = artifact
        self.choice = choice
        super().__init__(_open(artifact, choice), artifact.card.fit)


def _open(artifact: Artifact, choice: Choice) -> Engine:
    # Only the library that is used: TensorFlow alone takes seconds and half a gigabyte.
    if choice.form is None:
        from ml.engines.keras_engine import KerasEngine

        return KerasEngine(artifact.load_model(), artifact.answers)
    from ml.engines.openvino_engine import OpenVINOEngine

    return OpenVINOEngine(choice.form, choice.precision, artifact.answers)
