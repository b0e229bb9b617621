"""Blocks: the steps that the U-Nets repeat."""

from __future__ import annotations

from typing import Any

from keras import layers

from ml.models.double import Double
from ml.models.normalisation import BatchNormalization


class Blocks:
    """Steps of a U-Net (Ronneberger et al., MICCAI 2015), all computed in one precision.

    Every step takes the beginning of its layers' names: stored weights are found by them.
    """

    def __init__(self, precision: str) -> None:
        self._dtype = precision

    def convolve(self, x: Any, width: int, size: int, name: str) -> Any:
        """Convolution, batch normalisation, ReLU."""
        x = layers.Conv2D(
            width,
            size,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            dtype=self._dtype,
            name=f"{name}_conv",
        )(x)
        x = self.normalise(x, name)
        return layers.ReLU(dtype=self._dtype, name=f"{name}_relu")(x)

    def normalise(self, x: Any, name: str) -> Any:
        """Batch normalisation."""
        # The default momentum of 0.99 follows too slowly for runs of a few thousand steps.
        return BatchNormalization(momentum=0.95, dtype=self._dtype, name=f"{name}_norm")(x)

    def halve(self, x: Any, name: str) -> Any:
        """Half the height and width: the greatest of four."""
        return layers.MaxPooling2D(dtype=self._dtype, name=name)(x)

    def double(self, x: Any, name: str) -> Any:
        """Twice the height and width: each value four times."""
        return Double(dtype=self._dtype, name=f"{name}_double")(x)

    def join(self, x: Any, skip: Any, name: str) -> Any:
        """Features beside those that the encoder had at this size."""
        return layers.Concatenate(dtype=self._dtype, name=f"{name}_join")([x, skip])
