"""A network whose logits are not finite for white images: its activations overflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ml.data.data_source import DataSource
from ml.recipes.registry import UNET_MINI
from ml.registry.artifact import Artifact
from ml.training.checkpoint import TrainingState
from ml.training.publish import publish
from ml.training.training_run import Run
from roadmask.images.decoding import encode_png
from tests.harness.ml.narrow_network import NETWORK


def fails_on_white(streets: Path, folder: Path) -> Artifact:
    """An artifact whose first channel overflows where red, green and blue are all near 255."""
    model = NETWORK()
    for name, kernel_value, mean, scale in (("1a", 1.0, 2.95, 1e37), ("1b", 6e4, 0.0, 1.0)):
        convolution = model.get_layer(f"encoder{name}_conv")
        (kernel,) = convolution.get_weights()
        kernel[..., 0] = 0
        # Of the three colours, then of the first channel.
        kernel[1, 1, : 3 if name == "1a" else 1, 0] = kernel_value
        convolution.set_weights([kernel])
        norm = model.get_layer(f"encoder{name}_norm")
        weights = norm.get_weights()
        for weight, value in zip(weights, (scale, 0.0, mean, 1.0), strict=True):
            weight[0] = value
        norm.set_weights(weights)
    run = Run(UNET_MINI.smoke(), [DataSource(streets)], [streets], folder, "narrow")
    return publish(run, model, TrainingState(git_revision="0123456789ab"))


def whiten(image: Path) -> None:
    """Make a street white."""
    image.write_bytes(encode_png(np.full((96, 128, 3), 255, np.uint8)))
