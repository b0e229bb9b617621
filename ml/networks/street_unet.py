"""Street U-Net: an encoder that has seen streets, and a light decoder.

The encoder's weights come from a DeepLab v3 that Coral trained on Cityscapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from numpy.typing import NDArray

from ml.networks.crop_like import CropLike
from ml.networks.edgetpu import LAYERS, encode, load_encoder
from ml.networks.light_decoder import decode
from ml.networks.pad_to import PadTo

STRIDE = 16
"""The encoder halves the image's sides four times."""


@keras.saving.register_keras_serializable(package="roadmask")
class StreetUNet(keras.Model):
    """uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories).

    Fully convolutional: any H and W; inside, the image is padded to multiples of 16. `widths` are
    the decoder's channels at strides 8, 4 and 2. `precision` is a Keras dtype policy for the
    computation; it is not part of the saved network.
    """

    encoder_layers = LAYERS

    def __init__(
        self,
        categories: int = 8,
        widths: Sequence[int] = (112, 80, 48),
        dropout: float = 0.1,
        precision: str = "float32",
        **kwargs: Any,
    ) -> None:
        image = keras.Input((None, None, 3), dtype="uint8", name="image")
        *skips, x = encode(PadTo(STRIDE, name="pad")(image), precision)
        logits = decode(x, skips[::-1], widths, categories, dropout, precision)
        super().__init__(image, CropLike(name="crop")([logits, image]), **kwargs)
        self.categories = categories
        self.widths = tuple(widths)
        self.dropout = dropout

    def load_encoder(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Start from trained weights of the encoder: see `edgetpu.load_encoder`."""
        load_encoder(self, arrays)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, `precision` aside."""
        return {
            "name": self.name,
            "categories": self.categories,
            "widths": list(self.widths),
            "dropout": self.dropout,
        }
