"""MobileNet-EdgeTPU, slim: an image encoder of plain convolutions where maps are large.

Source: Howard and Gupta, Introducing the Next Generation of On-Device Vision Models: MobileNetV3
and MobileNetEdgeTPU, 2019; "slim" is the form of Coral's DeepLab v3 for Cityscapes. In the early
blocks one 3x3 convolution stands for expansion and depthwise filter; the last stage is dilated, so
that the stride stays 16. Batch normalisation is folded into weights and biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras import layers
from numpy.typing import NDArray

SCOPE = "MobilenetEdgeTPU"
"""In the names of the stored weights."""
LAYERS = ("Conv", "expanded_conv")
"""What the names of the encoder's layers begin with."""


@dataclass(frozen=True, slots=True)
class Block:
    """One inverted residual block."""

    channels: int
    wide: int
    """Channels inside."""
    stride: int = 1
    kernel: int = 3
    fused: bool = False
    """One convolution expands and filters."""
    dilation: int = 1


BLOCKS = (
    Block(24, 128, 2, fused=True),
    *[Block(24, 96, fused=True)] * 3,
    Block(40, 192, 2, fused=True),
    *[Block(40, 160, fused=True)] * 3,
    Block(72, 320, 2),
    *[Block(72, 288)] * 3,
    Block(72, 576),
    *[Block(72, 288)] * 3,
    Block(120, 576, kernel=5),
    *[Block(120, 480, kernel=5, dilation=2)] * 3,
    Block(144, 960, dilation=2),
)
"""After the first one, which only projects."""


def encode(x: Any, precision: str) -> list[Any]:
    """Features at strides 2, 4, 8 and 16 of uint8-valued RGB (B, H, W, 3).

    Layers are named as their weights are (`expanded_conv_9.expand`), for `load_encoder`.
    """
    net = _Layers(precision)
    x = layers.Rescaling(1 / 128, offset=-1.0, dtype="float32", name="rescale")(x)
    x = net.convolve(x, 24, 3, "Conv", stride=2)
    x = net.convolve(x, 16, 1, "expanded_conv.project", activation=None)
    features = []
    for number, block in enumerate(BLOCKS, 1):
        if block.stride == 2:
            features.append(x)
        x = net.block(x, block, f"expanded_conv_{number}")
    return [*features, x]


def load_encoder(model: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Set the weights of the encoder that `encode` put into `model`: see `ml.tflite`.

    Raises `KeyError` when one is missing, `ValueError` when one has another shape.
    """
    for layer in model.layers:
        if layer.weights and layer.name.startswith(LAYERS):
            name = f"{SCOPE}/{layer.name.replace('.', '/')}"
            layer.set_weights([arrays[f"{name}.kernel"], arrays[f"{name}.bias"]])


class _Layers:
    """The few steps that the encoder repeats, all computed in one precision."""

    def __init__(self, precision: str) -> None:
        self._dtype = precision

    def convolve(
        self,
        x: Any,
        channels: int,
        kernel: int,
        name: str,
        stride: int = 1,
        activation: str | None = "relu",
    ) -> Any:
        """Convolution with biases, ReLU."""
        return layers.Conv2D(
            channels,
            kernel,
            stride,
            padding="same",
            activation=activation,
            kernel_initializer="he_normal",
            dtype=self._dtype,
            name=name,
        )(x)

    def block(self, x: Any, block: Block, name: str) -> Any:
        """Expand, filter, project; with a short cut where sizes allow."""
        entry = x
        if block.fused:
            x = self.convolve(x, block.wide, block.kernel, f"{name}.expand", block.stride)
        else:
            x = self.convolve(x, block.wide, 1, f"{name}.expand")
            x = layers.DepthwiseConv2D(
                block.kernel,
                block.stride,
                padding="same",
                dilation_rate=block.dilation,
                activation="relu",
                # oneDNN has no depthwise code for the weight gradient of a 5x5 kernel; what it has
                # takes three times as long in bfloat16.
                dtype="float32" if block.kernel == 5 else self._dtype,
                name=f"{name}.depthwise",
            )(x)
        x = self.convolve(x, block.channels, 1, f"{name}.project", activation=None)
        # The block in the middle, which widens eightfold, has no short cut.
        if block.stride == 1 and entry.shape[-1] == block.channels and block.wide != 576:
            x = layers.Add(dtype=self._dtype, name=f"{name}.add")([entry, x])
        return x
