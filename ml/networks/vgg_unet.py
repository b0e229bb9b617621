"""VGG16 U-Net: a U-Net whose encoder is VGG16 (Simonyan and Zisserman, ICLR 2015).

The encoder's five blocks are the stages; the fifth, at a sixteenth of the image's size, is the
bottleneck. The decoder is that of U-Net mini: nearest upsampling, features narrowed to the width of
its stage before they meet the skip, batch normalisation after each convolution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops
from numpy.typing import NDArray

from ml.networks.blocks import Blocks
from ml.networks.crop_like import CropLike
from ml.networks.pad_to import PadTo

STRIDE = 16
"""The encoder halves the image's sides four times before its last block."""

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of each block."""

_MEAN_BGR = (103.939, 116.779, 123.68)


@keras.saving.register_keras_serializable(package="roadmask")
class VGGUNet(keras.Model):
    """uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories).

    Fully convolutional: any H and W; inside, the image is padded to multiples of 16. `widths` are
    the decoder's channels at strides 8, 4, 2 and 1. `precision` is a Keras dtype policy for the
    computation; it is not part of the saved network.
    """

    encoder_layers = ("block",)

    def __init__(
        self,
        categories: int = 8,
        widths: Sequence[int] = (256, 128, 64, 32),
        dropout: float = 0.1,
        precision: str = "float32",
        **kwargs: Any,
    ) -> None:
        # --- layers ---
        block = Blocks(precision)
        image = keras.Input((None, None, 3), dtype="uint8", name="image")
        drop = layers.SpatialDropout2D(dropout, dtype=precision, name="dropout")
        head = layers.Conv2D(categories, 1, dtype="float32", name="logits")

        # --- graph ---
        x = FromMean(name="from_mean")(PadTo(STRIDE, name="pad")(image))
        skips: list[Any] = []
        for number, (width, repeats) in enumerate(BLOCKS, 1):
            x = _encode(x, number, width, repeats, precision)
            if number < len(BLOCKS):
                skips.append(x)
                x = block.halve(x, f"block{number}_pool")
        x = drop(x)
        for number, width, skip in zip((4, 3, 2, 1), widths, reversed(skips), strict=True):
            x = block.convolve(x, width, 1, f"decoder{number}_narrow")
            # VGG16 has no normalisation: its features, ten times the decoder's, would drown them
            # and leave the layers below without a gradient.
            skip = block.normalise(skip, f"decoder{number}_skip")
            x = block.join(block.double(x, f"decoder{number}"), skip, f"decoder{number}")
            x = block.convolve(x, width, 3, f"decoder{number}a")
            x = block.convolve(x, width, 3, f"decoder{number}b")
        super().__init__(image, CropLike(name="crop")([head(x), image]), **kwargs)

        # --- config ---
        self.categories = categories
        self.widths = tuple(widths)
        self.dropout = dropout

    def load_encoder(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Start from the weights of VGG16: `block1_conv1.kernel` (h, w, in, out), `.bias`, ….

        Raises `KeyError` when one is missing, `ValueError` when one has another shape.
        """
        for number, (_, repeats) in enumerate(BLOCKS, 1):
            for repeat in range(1, repeats + 1):
                name = f"block{number}_conv{repeat}"
                parts = [arrays[f"{name}.{part}"] for part in ("kernel", "bias")]
                self.get_layer(name).set_weights(parts)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, `precision` aside."""
        return {
            "name": self.name,
            "categories": self.categories,
            "widths": list(self.widths),
            "dropout": self.dropout,
        }


def _encode(x: Any, number: int, width: int, repeats: int, precision: str) -> Any:
    """A block of VGG16, its layers named as Keras names them."""
    for repeat in range(1, repeats + 1):
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            dtype=precision,
            name=f"block{number}_conv{repeat}",
        )(x)
    return x


@keras.saving.register_keras_serializable(package="roadmask")
class FromMean(layers.Layer):
    """RGB 0..255 to BGR less the mean of ImageNet, as VGG16 was trained; float32."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, image: Any) -> Any:
        """(B, H, W, 3) to the same shape."""
        bgr = ops.take(ops.cast(image, "float32"), [2, 1, 0], axis=-1)
        return bgr - ops.array(_MEAN_BGR)
