"""U-Net mini: a U-Net (Ronneberger et al., MICCAI 2015) small enough for two CPU cores.

Differences from the paper: same-padded convolutions with batch normalisation, a quarter of the
width, nearest upsampling, and decoder features narrowed to half the skip's width before they meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from ml.models.blocks import Blocks
from ml.models.crop_like import CropLike
from ml.models.pad_to import PadTo


@keras.saving.register_keras_serializable(package="roadmask")
class UNetMini(keras.Model):
    """uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories).

    Fully convolutional: any H and W; inside, the image is padded to multiples of 16 (of 2 to the
    power of the number of encoder stages). `widths` are the channels of the stages, the bottleneck
    last. `precision` is a Keras dtype policy for the computation; it is not part of the saved
    network.
    """

    def __init__(
        self,
        categories: int = 8,
        widths: Sequence[int] = (16, 32, 64, 128, 256),
        dropout: float = 0.1,
        precision: str = "float32",
        **kwargs: Any,
    ) -> None:
        # --- layers ---
        block = Blocks(precision)
        *stages, bottleneck = widths
        image = keras.Input((None, None, 3), dtype="uint8", name="image")
        pad = PadTo(2 ** len(stages), name="pad")
        rescale = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="rescale")
        drop = layers.SpatialDropout2D(dropout, dtype=precision, name="dropout")
        head = layers.Conv2D(categories, 1, dtype="float32", name="logits")

        # --- graph ---
        x, skips = rescale(pad(image)), []
        for number, width in enumerate(stages, 1):
            x = block.convolve(x, width, 3, f"encoder{number}a")
            x = block.convolve(x, width, 3, f"encoder{number}b")
            skips.append((number, width, x))
            x = block.halve(x, f"encoder{number}_halve")
        x = block.convolve(x, bottleneck, 3, "bottleneck_a")
        x = drop(block.convolve(x, bottleneck, 3, "bottleneck_b"))
        for number, width, skip in reversed(skips):
            x = block.convolve(x, width // 2, 1, f"decoder{number}_narrow")
            x = block.join(block.double(x, f"decoder{number}"), skip, f"decoder{number}")
            x = block.convolve(x, width, 3, f"decoder{number}")
        super().__init__(image, CropLike(name="crop")([head(x), image]), **kwargs)

        # --- config ---
        self.categories = categories
        self.widths = tuple(widths)
        self.dropout = dropout

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, `precision` aside."""
        return {
            "name": self.name,
            "categories": self.categories,
            "widths": list(self.widths),
            "dropout": self.dropout,
        }
