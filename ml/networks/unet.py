"""U-Net: the network of Ronneberger et al., MICCAI 2015, and a small one for two CPU cores.

Differences from the paper: convolutions are padded, so that the mask has the image's size and no
skip is cropped, and each of them is followed by batch normalisation. U-Net mini has a quarter of
the width, and a light decoder: features are narrowed to half the skip's width, upsampled by
repetition, and convolved once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers

from ml.networks.blocks import Blocks
from ml.networks.crop_like import CropLike
from ml.networks.pad_to import PadTo


@keras.saving.register_keras_serializable(package="roadmask")
class UNet(keras.Model):
    """uint8 RGB (B, H, W, 3) to float32 logits (B, H, W, categories).

    Fully convolutional: any H and W; inside, the image is padded to multiples of 16 (of 2 to the
    power of the number of encoder stages). `widths` are the channels of the stages, the bottleneck
    last. The `decoder` upsamples by `transposed` convolutions, as in the paper, or is the `light`
    one of U-Net mini. `precision` is a Keras dtype policy for the computation; it is not part of
    the saved network.
    """

    def __init__(
        self,
        categories: int = 8,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        dropout: float = 0.1,
        decoder: Literal["transposed", "light"] = "transposed",
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
            name = f"decoder{number}"
            if decoder == "light":
                x = block.convolve(x, width // 2, 1, f"{name}_narrow")
                x = block.join(block.double(x, name), skip, name)
                x = block.convolve(x, width, 3, name)
            else:
                x = layers.Conv2DTranspose(width, 2, 2, dtype=precision, name=f"{name}_up")(x)
                x = block.join(x, skip, name)
                x = block.convolve(x, width, 3, f"{name}a")
                x = block.convolve(x, width, 3, f"{name}b")
        super().__init__(image, CropLike(name="crop")([head(x), image]), **kwargs)

        # --- config ---
        self.categories = categories
        self.widths = tuple(widths)
        self.dropout = dropout
        self.decoder = decoder

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, `precision` aside."""
        return {
            "name": self.name,
            "categories": self.categories,
            "widths": list(self.widths),
            "dropout": self.dropout,
            "decoder": self.decoder,
        }


@keras.saving.register_keras_serializable(package="roadmask")
class UNetMini(UNet):
    """U-Net mini: a `UNet` of a quarter of the width with the light decoder."""

    def __init__(
        self,
        categories: int = 8,
        widths: Sequence[int] = (16, 32, 64, 128, 256),
        decoder: Literal["transposed", "light"] = "light",
        **kwargs: Any,
    ) -> None:
        super().__init__(categories, widths, decoder=decoder, **kwargs)
