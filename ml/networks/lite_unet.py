"""Lite U-Net: an EfficientNet-lite encoder and a light decoder, made for serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from numpy.typing import NDArray

from ml.networks.crop_like import CropLike
from ml.networks.efficientnet_lite import LAYERS, encode, load_encoder
from ml.networks.light_decoder import decode
from ml.networks.pad_to import PadTo

STRIDE = 32
"""The encoder halves the image's sides five times."""


@keras.saving.register_keras_serializable(package="roadmask")
class LiteUNet(keras.Model):
    """uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories).

    Fully convolutional: any H and W; inside, the image is padded to multiples of 32. `widths` are
    the decoder's channels at strides 16, 8, 4 and 2. `precision` is a Keras dtype policy for the
    computation; it is not part of the saved network.
    """

    encoder_layers = LAYERS

    def __init__(
        self,
        categories: int = 8,
        variant: str = "lite0",
        widths: Sequence[int] = (128, 96, 64, 48),
        dropout: float = 0.1,
        precision: str = "float32",
        **kwargs: Any,
    ) -> None:
        image = keras.Input((None, None, 3), dtype="uint8", name="image")
        *skips, x = encode(PadTo(STRIDE, name="pad")(image), variant, precision)
        x = decode(x, skips[::-1], widths, categories, dropout, precision)
        super().__init__(image, CropLike(name="crop")([x, image]), **kwargs)

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
