"""Lite U-Net: an EfficientNet-lite encoder and a light decoder, made for serving.

The decoder narrows every skip to a few channels, joins it with the upsampled deeper features, and
filters with depthwise separable convolutions (Howard et al., MobileNets, 2017). It stops at half
the image's size; the last step to full size is a sub-pixel convolution (Shi et al., CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops
from numpy.typing import NDArray

from ml.models.blocks import Blocks
from ml.models.crop_like import CropLike
from ml.models.efficientnet_lite import encode, load_encoder
from ml.models.pad_to import PadTo

STRIDE = 32
"""The encoder halves the image's sides five times."""


@keras.saving.register_keras_serializable(package="roadmask")
class LiteUNet(keras.Model):
    """uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories).

    Fully convolutional: any H and W; inside, the image is padded to multiples of 32. `widths` are
    the decoder's channels at strides 16, 8, 4 and 2. `precision` is a Keras dtype policy for the
    computation; it is not part of the saved network.
    """

    def __init__(
        self,
        categories: int = 8,
        variant: str = "lite0",
        widths: Sequence[int] = (128, 96, 64, 48),
        dropout: float = 0.1,
        precision: str = "float32",
        **kwargs: Any,
    ) -> None:
        # --- layers ---
        block = _LightBlocks(precision)
        image = keras.Input((None, None, 3), dtype="uint8", name="image")
        drop = layers.SpatialDropout2D(dropout, dtype=precision, name="dropout")
        head = layers.Conv2D(4 * categories, 1, dtype="float32", name="logits")

        # --- graph ---
        *skips, x = encode(PadTo(STRIDE, name="pad")(image), variant, precision)
        for stride, width, skip in zip((16, 8, 4, 2), widths, reversed(skips), strict=True):
            x = block.narrow_join(x, skip, width, f"decoder{stride}")
            x = block.filter(x, width, f"decoder{stride}a")
            x = block.filter(x, width, f"decoder{stride}b")
        x = SubPixel(name="full_size")(head(drop(x)))
        super().__init__(image, CropLike(name="crop")([x, image]), **kwargs)

        # --- config ---
        self.categories = categories
        self.variant = variant
        self.widths = tuple(widths)
        self.dropout = dropout

    def load_encoder(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Start from trained weights of the encoder: see `efficientnet_lite.load_encoder`."""
        load_encoder(self, arrays)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, `precision` aside."""
        return {
            "name": self.name,
            "categories": self.categories,
            "variant": self.variant,
            "widths": list(self.widths),
            "dropout": self.dropout,
        }


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
