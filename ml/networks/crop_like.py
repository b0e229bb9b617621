"""CropLike: removes the padding of PadTo."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="roadmask")
class CropLike(layers.Layer):
    """The first of two maps, cut at the end to the height and width of the second."""

    def call(self, maps: Any) -> Any:
        """Cut what was padded."""
        x, like = maps
        _, height, width, _ = ops.shape(like)
        return x[:, :height, :width, :]

    def compute_output_shape(self, shapes: Any) -> Any:
        """Height and width of the second map."""
        return (*shapes[1][:3], shapes[0][-1])
