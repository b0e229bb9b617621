from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.networks.street_unet import StreetUNet
from ml.training.encoders import load_encoder
from ml.training.tflite import read_tflite
from roadmask.errors import InvalidRequest
from tests.harness.ml.tflite_file import write_tflite

WIDTHS = (8, 8, 8)


def test_convolutions_are_read_as_keras_has_them(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kernels = {
        "Net/Conv": random.normal(0, 1, (3, 3, 4, 6)),
        "Net/block_1/depthwise": random.normal(0, 1, (5, 5, 6, 1)),
    }
    expected = write_tflite(tmp_path / "model.tflite", kernels)
    found = read_tflite(tmp_path / "model.tflite")
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-7)


def test_a_file_of_another_format_or_a_part_of_one_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "model.tflite"
    write_tflite(whole, {"Net/Conv": np.ones((3, 3, 40, 40))})
    (tmp_path / "part.tflite").write_bytes(whole.read_bytes()[:5000])
    (tmp_path / "other.tflite").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ValueError, match="damaged"):
        read_tflite(tmp_path / "part.tflite")
    with pytest.raises(ValueError, match="not a model"):
        read_tflite(tmp_path / "other.tflite")


def test_the_encoder_of_street_unet_takes_every_convolution_of_its_file(tmp_path: Path) -> None:
    network = StreetUNet(widths=WIDTHS)
    random = np.random.default_rng(0)
    encoder = [
        layer
        for layer in network.layers
        if layer.weights and layer.name.startswith(network.encoder_layers)
    ]
    assert len(encoder) == 1 + 1 + 2 * 8 + 3 * 13
    kernels = {
        f"MobilenetEdgeTPU/{layer.name.replace('.', '/')}": random.normal(
            0, 0.5, layer.weights[0].shape
        )
        for layer in encoder
    }
    expected = write_tflite(tmp_path / "encoder.tflite", kernels)
    load_encoder(network, tmp_path / "encoder.tflite")
    for layer, scope in zip(encoder, kernels, strict=True):
        kernel, bias = layer.get_weights()
        np.testing.assert_allclose(kernel, expected[f"{scope}.kernel"], atol=1e-6)
        np.testing.assert_allclose(bias, expected[f"{scope}.bias"], atol=1e-6)
    kernels.popitem()
    write_tflite(tmp_path / "less.tflite", kernels)
    with pytest.raises(InvalidRequest, match=r"less\.tflite does not hold .*expanded_conv_21"):
        load_encoder(network, tmp_path / "less.tflite")
