"""Convert a Keras model for OpenVINO: `python -m ml.engines.conversion ARTIFACT TARGET`.

The conversion runs in its own process, so the caller does not pay for TensorFlow's memory or
crashes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.engines.compiled import save_compiled
from ml.registry.artifact import Artifact

if TYPE_CHECKING:
    import openvino as ov


def convert(model: Any, answers: Sequence[int]) -> ov.Model:
    """Convert a Keras model to an OpenVINO model for RGB uint8 (1, H, W, 3), any H and W.

    It returns the logits of the answers, float32 (1, n, H, W). Raises OpenVINO's own error if the
    network cannot be converted.
    """
    # They take seconds to load: a damaged artifact is reported first.
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
    save_compiled(convert(artifact.load_model(), artifact.answers), target)
