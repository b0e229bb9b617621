"""EfficientNet-lite: an image encoder for devices without much arithmetic.

Source: Tan and Le, EfficientNet, ICML 2019, in the "lite" form that Google released in 2020: ReLU6
in place of swish, no squeeze-and-excitation, stem and last stage of fixed size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras import layers
from numpy.typing import NDArray

from ml.networks.batch_normalization import BatchNormalization

VARIANTS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
"""Width and depth factors by name."""

LAYERS = ("conv_stem", "bn0", "blocks.")
"""What the names of the encoder's layers begin with."""

STEM = 32
_STAGES = (
    # repeats, kernel, stride, expansion, channels of the unscaled network
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_EPSILON = 1e-3


@dataclass(frozen=True, slots=True)
class Block:
    """One inverted residual block."""

    kernel: int
    stride: int
    expansion: int
    channels: int


def blocks(variant: str) -> Iterator[Block]:
    """The blocks of a variant, in order."""
    width, depth = VARIANTS[variant]
    for number, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
        fixed = number in (0, len(_STAGES) - 1)
        for repeat in range(repeats if fixed else math.ceil(repeats * depth)):
            yield Block(kernel, 1 if repeat else stride, expansion, _round(channels * width))


def encode(x: Any, variant: str, precision: str) -> list[Any]:
    """Features at strides 2, 4, 8, 16 and 32 of uint8-valued RGB (B, H, W, 3).

    Layers are named as their weights are (`blocks.3.expand_conv`), for `load_encoder`.
    """
    net = _Layers(precision)
    x = layers.Rescaling(1 / 128, offset=-127 / 128, dtype="float32", name="rescale")(x)
    x = net.convolve(x, STEM, 3, 2, "conv_stem", "bn0")
    features = []
    for number, block in enumerate(blocks(variant)):
        if block.stride == 2:
            features.append(x)
        x = net.block(x, block, f"blocks.{number}")
    return [*features, x]


def load_encoder(model: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Set the weights of the encoder that `encode` put into `model`.

    `arrays` have their PyTorch names (`_blocks.3._expand_conv.weight`, OIHW). Raises `KeyError`
    when one is missing, `ValueError` when one has another shape.
    """
    for layer in model.layers:
        if layer.weights and layer.name.startswith(LAYERS):
            layer.set_weights(_arrays(arrays, layer.name))


def _arrays(stored: Mapping[str, NDArray[Any]], layer_name: str) -> list[NDArray[Any]]:
    """A layer's arrays as Keras has them: convolutions height first, statistics last."""
    name = ".".join(part if part.isdigit() else f"_{part}" for part in layer_name.split("."))
    kernel = stored[f"{name}.weight"]
    if kernel.ndim == 4:
        order = (2, 3, 0, 1) if layer_name.endswith("depthwise_conv") else (2, 3, 1, 0)
        return [kernel.transpose(order)]
    return [kernel, *(stored[f"{name}.{part}"] for part in ("bias", "running_mean", "running_var"))]


def _round(channels: float) -> int:
    """The nearest multiple of 8, never more than a tenth below."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class _Layers:
    """The few steps that the encoder repeats, all computed in one precision."""

    def __init__(self, precision: str) -> None:
        self._dtype = precision

    def convolve(
        self, x: Any, channels: int, kernel: int, stride: int, conv: str, norm: str
    ) -> Any:
        """Convolution, batch normalisation, ReLU6."""
        return self._relu(self._norm(self._conv(x, channels, kernel, stride, conv), norm))

    def block(self, x: Any, block: Block, name: str) -> Any:
        """Expand, filter each channel, project; with a short cut where sizes allow."""
        entry = x
        if block.expansion > 1:
            wide = x.shape[-1] * block.expansion
            x = self.convolve(x, wide, 1, 1, f"{name}.expand_conv", f"{name}.bn0")
        x = layers.DepthwiseConv2D(
            block.kernel,
            block.stride,
            padding="same",
            use_bias=False,
            dtype=self._dtype,
            name=f"{name}.depthwise_conv",
        )(x)
        x = self._relu(self._norm(x, f"{name}.bn1"))
        x = self._conv(x, block.channels, 1, 1, f"{name}.project_conv")
        x = self._norm(x, f"{name}.bn2")
        if block.stride == 1 and entry.shape[-1] == block.channels:
            x = layers.Add(dtype=self._dtype, name=f"{name}.add")([entry, x])
        return x

    def _conv(self, x: Any, channels: int, kernel: int, stride: int, name: str) -> Any:
        return layers.Conv2D(
            channels,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            dtype=self._dtype,
            name=name,
        )(x)

    def _norm(self, x: Any, name: str) -> Any:
        return BatchNormalization(momentum=0.99, epsilon=_EPSILON, dtype=self._dtype, name=name)(x)

    def _relu(self, x: Any) -> Any:
        return layers.ReLU(6.0, dtype=self._dtype)(x)
