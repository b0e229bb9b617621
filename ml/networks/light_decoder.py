"""Light decoder: from an encoder's features to logits with little arithmetic.

It narrows every skip to a few channels, joins it with the upsampled deeper features, and filters
with depthwise separable convolutions (Howard et al., MobileNets, 2017). It stops at half the
image's size; the last step to full size is a sub-pixel convolution (Shi et al., CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from ml.networks.blocks import Blocks


def decode(
    x: Any,
    skips: Sequence[Any],
    widths: Sequence[int],
    categories: int,
    dropout: float,
    precision: str,
) -> Any:
    """float32 logits (B, H, W, categories) of the deepest features `x` and the skips.

    `skips` are the features at descending strides, each half of the one before, the last being 2;
    `widths` are the decoder's channels at these strides.
    """
    block = _LightBlocks(precision)
    drop = layers.SpatialDropout2D(dropout, dtype=precision, name="dropout")
    head = layers.Conv2D(4 * categories, 1, dtype="float32", name="logits")
    for index, (width, skip) in enumerate(zip(widths, skips, strict=True)):
        name = f"decoder{2 ** (len(skips) - index)}"
        x = block.narrow_join(x, skip, width, name)
        x = block.filter(x, width, f"{name}a")
        x = block.filter(x, width, f"{name}b")
    return SubPixel(name="full_size")(head(drop(x)))


class _LightBlocks(Blocks):
    """The steps of a decoder with little arithmetic."""

    def narrow_join(self, x: Any, skip: Any, width: int, name: str) -> Any:
        """Twice the size, beside the encoder's features of that size, both narrowed first."""
        x = self.double(self.convolve(x, width, 1, f"{name}_deep"), name)
        return self.join(x, self.convolve(skip, width, 1, f"{name}_skip"), name)

    def filter(self, x: Any, width: int, name: str) -> Any:
        """Depthwise separable convolution, batch normalisation, ReLU."""
        x = layers.DepthwiseConv2D(
            3, padding="same", use_bias=False, dtype=self._dtype, name=f"{name}_depthwise"
        )(x)
        return self.convolve(x, width, 1, name)


@keras.saving.register_keras_serializable(package="roadmask")
class SubPixel(layers.Layer):
    """Four channels become two by two pixels: (B, h, w, 4 n) to (B, 2 h, 2 w, n)."""

    def call(self, x: Any) -> Any:
        """Rearrange without arithmetic."""
        batch, height, width = ops.shape(x)[:3]
        n = x.shape[-1] // 4
        x = ops.reshape(x, (batch, height, width, 2, 2, n))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (batch, 2 * height, 2 * width, n))

    def compute_output_shape(self, shape: Any) -> Any:
        """Unknown height and width, a quarter of the channels."""
        return (shape[0], None, None, shape[-1] // 4)
