"""Blocks: the repeated steps of the U-Nets."""

from __future__ import annotations

from typing import Any

from keras import layers

from ml.networks.batch_normalization import BatchNormalization
from ml.networks.double import Double


class Blocks:
    """The steps of a U-Net (Ronneberger et al., MICCAI 2015), all in one precision.

    Every step takes the prefix of its layers' names, under which weights are stored.
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
        """Half the height and width: the maximum of each 2x2 pixels."""
        return layers.MaxPooling2D(dtype=self._dtype, name=name)(x)

    def double(self, x: Any, name: str) -> Any:
        """Twice the height and width: each value becomes 2x2 pixels."""
        return Double(dtype=self._dtype, name=f"{name}_double")(x)

    def join(self, x: Any, skip: Any, name: str) -> Any:
        """Concatenate the features with the encoder's features of the same size."""
        return layers.Concatenate(dtype=self._dtype, name=f"{name}_join")([x, skip])
