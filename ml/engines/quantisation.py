"""Quantisation: an int8 form of a network, calibrated on images (Jacob et al., CVPR 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nncf
import numpy as np
import openvino as ov
from numpy.typing import NDArray


def quantise(float32: Path, images: Sequence[NDArray[np.uint8]]) -> ov.Model:
    """The network of a form with its weights and activations in int8 where that is faster.

    `images` are RGB uint8 (h, w, 3) at the network's sizes, such as it will serve: the ranges of
    the activations are taken from them. Ranges are per channel for weights, and of both signs where
    activations have both, which costs little time and saves the logits' accuracy.
    """
    network = ov.Core().read_model(float32)
    data = nncf.Dataset([image[None] for image in images])
    return nncf.quantize(
        network, data, subset_size=len(images), preset=nncf.QuantizationPreset.MIXED
    )
