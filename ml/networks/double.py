"""Double: twice the height and width, each value four times."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable(package="roadmask")
class Double(layers.Layer):
    """(B, H, W, C) to (B, 2 H, 2 W, C), by nearest neighbours.

    It is one resize operation. Keras' `UpSampling2D` repeats rows and columns if it does not know
    the size at tracing. Compiled networks can pass int8 through a resize, but not through a
    repetition.
    """

    def call(self, x: Any) -> Any:
        """Each value for two rows and two columns."""
        return tf.image.resize(x, 2 * tf.shape(x)[1:3], method="nearest")

    def compute_output_shape(self, shape: Any) -> Any:
        """Twice the height and width where they are known."""
        height, width = (None if side is None else 2 * side for side in shape[1:3])
        return (shape[0], height, width, shape[-1])
