"""Cost: the multiply-adds of a network for one image."""

from __future__ import annotations

import math
from typing import Any

import click
import tensorflow as tf

from ml.networks.registry import NETWORKS, build_network
from roadmask.masks.taxonomy import CITYSCAPES

_CONVOLUTIONS = {"Conv2D": 0, "DepthwiseConv2dNative": 0, "Conv2DBackpropInput": -1}
"""Operations, and where their coarser map is: the output, or for transposed ones the last input."""


def multiply_adds(network: Any, height: int, width: int) -> int:
    """Multiply-adds of all convolutions for one uint8 image of this size.

    Every number of a kernel is used once per pixel of the coarser of the two maps. What is not a
    convolution (normalisation, activation, resizing) is left out: it is a hundredth of the whole.
    """
    image = tf.TensorSpec((1, height, width, 3), tf.uint8)
    traced = tf.function(lambda x: network(x, training=False), autograph=False)
    total = 0
    for operation in traced.get_concrete_function(image).graph.get_operations():
        if operation.type in _CONVOLUTIONS:
            kernel = operation.inputs[1].shape
            maps = operation.inputs if _CONVOLUTIONS[operation.type] else operation.outputs
            pixels = math.prod(maps[_CONVOLUTIONS[operation.type]].shape[1:3])
            total += pixels * kernel.num_elements()
    return total


@click.command()
@click.argument("height", type=int, default=256)
@click.argument("width", type=int, default=512)
def main(height: int, width: int) -> None:
    """Parameters and multiply-adds of every network, for one image of HEIGHT x WIDTH pixels."""
    for name in NETWORKS:
        network = build_network(name, len(CITYSCAPES))
        operations = multiply_adds(network, height, width) / 1e9
        parameters = network.count_params() / 1e6
        click.echo(f"{name:12} {parameters:6.2f} M parameters {operations:8.2f} G multiply-adds")


if __name__ == "__main__":
    main()
