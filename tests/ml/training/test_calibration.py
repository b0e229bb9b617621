from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml.data.samples import annotated_samples
from ml.engines.keras_engine import KerasEngine
from ml.inference.segmenter import Segmenter
from ml.registry.input_size import InputSize
from ml.training.calibration import calibrate, undo_calibration
from roadmask.images.decoding import encode_png
from roadmask.masks.codec import encode_mask
from roadmask.masks.taxonomy import CITYSCAPES

SIZE = InputSize(budget=64 * 64)
HUMAN, FLAT = CITYSCAPES.index("human"), CITYSCAPES.index("flat")
WEIGHTS = (0.0, *(4.0 if index == HUMAN else 1.0 for index in CITYSCAPES.real))


def brightness_network(slope: float, bias: float) -> Any:
    """Says human the surer the brighter a pixel, else flat: logits +-slope x (v - 128) / 128."""
    image = keras.Input((None, None, 3), dtype="uint8")
    value = keras.layers.Rescaling(1 / 128, offset=-1.0)(image)
    head = keras.layers.Conv2D(8, 1, name="logits")
    model = keras.Model(image, head(value))
    kernel, biases = np.zeros((1, 1, 3, 8), np.float32), np.full(8, -50, np.float32)
    kernel[..., HUMAN], kernel[..., FLAT] = slope / 3, -slope / 3
    biases[HUMAN], biases[FLAT] = bias, 0
    head.set_weights([kernel, biases])
    return model


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """Pixels of random brightness v; P(human) = sigmoid(2 (v - 128) / 128)."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    random = np.random.default_rng(0)
    for number in range(4):
        value = random.integers(0, 256, (256, 256), np.uint8)
        likely = 1 / (1 + np.exp(-2 * (value.astype(float) - 128) / 128))
        truth = np.where(random.random(value.shape) < likely, HUMAN, FLAT).astype(np.uint8)
        image = value[..., None].repeat(3, axis=2)
        (tmp_path / "images" / f"{number}.png").write_bytes(encode_png(image))
        (tmp_path / "masks" / f"{number}.png").write_bytes(encode_mask(truth))
    return tmp_path


@pytest.mark.parametrize("sureness", [0.6, 1.0, 2.0])
def test_temperature_and_weights_are_found_and_folded(noisy: Path, sureness: float) -> None:
    """A network that is off by exactly a weight of 4 and a temperature."""
    size = InputSize(budget=256 * 256)
    model = brightness_network(sureness, float(np.log(4.0)))
    segmenter = Segmenter(KerasEngine(model, CITYSCAPES.real), size)
    found = calibrate(model, segmenter, annotated_samples(noisy), WEIGHTS, CITYSCAPES)
    assert found
    assert found.weight_share == 1.0
    assert found.temperature == pytest.approx(sureness, rel=0.06)
    grey = tf.constant(np.full((1, 32, 32, 3), 128, np.uint8))
    logits = model(grey).numpy()[0, 0, 0]
    assert logits[HUMAN] == pytest.approx(logits[FLAT], abs=1e-5)


def test_a_category_without_weight_leaves_the_others_their_calibration(noisy: Path) -> None:
    model = brightness_network(1.0, 0.0)
    weights = [0.0 if index == CITYSCAPES.index("sky") else 1.0 for index in range(8)]
    segmenter = Segmenter(KerasEngine(model, CITYSCAPES.real), InputSize(budget=256 * 256))
    found = calibrate(model, segmenter, annotated_samples(noisy), weights, CITYSCAPES)
    assert found
    assert found.temperature == pytest.approx(1.0, rel=0.06)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_nothing_is_fitted_to_images_without_an_annotated_pixel(noisy: Path) -> None:
    for mask in (noisy / "masks").iterdir():
        mask.write_bytes(encode_mask(np.zeros((256, 256), np.uint8)))
    model = brightness_network(1.0, 0.0)
    before = model.get_weights()
    segmenter = Segmenter(KerasEngine(model, CITYSCAPES.real), SIZE)
    assert calibrate(model, segmenter, annotated_samples(noisy), WEIGHTS, CITYSCAPES) is None
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_calibration_can_be_undone(noisy: Path) -> None:
    """So that a model can learn on from what it had learnt."""
    model = brightness_network(0.6, float(np.log(4.0)))
    before = model.get_weights()
    segmenter = Segmenter(KerasEngine(model, CITYSCAPES.real), InputSize(budget=256 * 256))
    found = calibrate(model, segmenter, annotated_samples(noisy), WEIGHTS, CITYSCAPES)
    assert found is not None
    assert (found.weight_share, found.temperature) != (0.0, 1.0)
    undo_calibration(model, found, WEIGHTS)
    for weights, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_allclose(weights, old, rtol=1e-3, atol=1e-3)
