"""Conversion of a Keras model for OpenVINO: `python -m ml.engines.conversion ARTIFACT TARGET`.

A process of its own, so that neither TensorFlow's memory nor a crash of it stays with the caller.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.artifact import Artifact
from ml.engines.forms import keep

if TYPE_CHECKING:
    import openvino as ov


def convert(model: Any, answers: Sequence[int]) -> ov.Model:
    """A Keras model for RGB uint8 (1, H, W, 3), any H and W.

    It gives the logits of the answers, float32 (1, n, H, W).

    Raises what OpenVINO does for a network that it cannot convert.
    """
    # They take seconds to load: a damaged artifact is told before.
    import openvino as ov
    import tensorflow as tf

    def logits(image: Any) -> Any:
        chosen = tf.gather(model(image, training=False), list(answers), axis=-1)
        return tf.transpose(chosen, (0, 3, 1, 2))

    signature = [tf.TensorSpec((1, None, None, 3), tf.uint8, name="image")]
    return ov.convert_model(tf.function(logits, input_signature=signature, autograph=False))


if __name__ == "__main__":
    folder, target = map(Path, sys.argv[1:])
    artifact = Artifact.load(folder)
    keep(convert(artifact.load_model(), artifact.answers), target)
