"""PadTo: padding that lets a network of any stride take any size."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="roadmask")
class PadTo(layers.Layer):
    """Pads height and width at the end to multiples of `multiple`, with zeros; float32."""

    def __init__(self, multiple: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.multiple = multiple

    def call(self, image: Any) -> Any:
        """(B, H, W, C) of any number type to float32 (B, H', W', C)."""
        shape = ops.shape(image)
        rest = [-shape[axis] % self.multiple for axis in (1, 2)]
        return ops.pad(ops.cast(image, "float32"), [[0, 0], [0, rest[0]], [0, rest[1]], [0, 0]])

    def compute_output_shape(self, shape: Any) -> Any:
        """Unknown height and width."""
        return (shape[0], None, None, shape[-1])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config: dict[str, Any] = super().get_config()
        return config | {"multiple": self.multiple}
