"""The battery that every network of the registry has to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml.engines.keras_engine import KerasEngine
from ml.inference.segmenter import Segmenter
from ml.networks.cost import multiply_adds
from ml.networks.efficientnet_lite import VARIANTS
from ml.networks.registry import NETWORKS, build_network
from ml.registry.input_size import InputSize
from ml.training.losses import category_weights, cross_entropy
from roadmask.errors import ModelNotFound
from roadmask.masks.taxonomy import CITYSCAPES
from tests.harness.ml.street_folder import draw_street

NARROW: dict[str, dict[str, Any]] = {
    "lite_unet": {"widths": (8, 8, 8, 8)},
    "street_unet": {"widths": (8, 8, 8)},
    "lite2_unet": {"widths": (8, 8, 8, 8), "variant": "shallow"},
    "unet": {"widths": (8, 8, 16, 16, 32)},
    "unet_mini": {"widths": (8, 8, 16, 16, 32)},
    "vgg_unet": {"widths": (16, 8, 8, 8)},
}
"""What makes a network quick; one that is not named here is tested as large as it is."""
STEPS, RATE = 14, 2e-2
"""Of learning: as many steps as it may take, and how far each moves a weight."""


@pytest.fixture(scope="module", autouse=True)
def shallow() -> Iterator[None]:
    """An encoder as wide as lite2 and of half its blocks; `lite_unet` has all of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(VARIANTS, "shallow", (1.1, 0.4))
        yield


@pytest.fixture(scope="module", params=NETWORKS)
def build(request: pytest.FixtureRequest) -> Callable[..., Any]:
    def build(**options: Any) -> Any:
        keras.utils.set_random_seed(3)
        options = NARROW.get(request.param, {}) | options
        return NETWORKS[request.param](categories=len(CITYSCAPES), **options)

    return build


@pytest.fixture(scope="module")
def network(build: Callable[..., Any]) -> Any:
    """One for all tests, which leave its weights as they are."""
    return build()


@pytest.fixture(scope="module")
def run(network: Any) -> Any:
    """The network as a function, traced once: that is quicker than layer after layer."""
    signature = [tf.TensorSpec((None, None, None, 3), tf.uint8)]
    return tf.function(lambda x: network(x, training=False), signature, autograph=False)


@pytest.fixture
def learner(network: Any) -> Iterator[Any]:
    """The network for a test that changes its weights."""
    weights = network.get_weights()
    yield network
    network.set_weights(weights)


def test_any_size_gives_one_float32_logit_per_pixel_and_category(run: Any) -> None:
    for height, width in [(32, 48), (64, 32), (31, 45), (1, 70)]:
        logits = run(np.zeros((2, height, width, 3), np.uint8))
        assert logits.shape == (2, height, width, 8)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"


def test_what_is_padded_is_black(run: Any) -> None:
    image = draw_street(2, 64, 96)[0]
    image[50:], image[:, 85:] = 0, 0
    whole = run(image[None])[:, :50, :85]
    np.testing.assert_allclose(run(image[None, :50, :85]), whole, rtol=1e-4, atol=1e-4)


def test_half_precision_still_gives_float32_logits(build: Callable[..., Any]) -> None:
    network = build(precision="mixed_bfloat16")
    logits = network(np.zeros((1, 32, 32, 3), np.uint8))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert {layer.compute_dtype for layer in network.layers} >= {"bfloat16"}


def test_what_is_loaded_is_the_network_that_was_saved(network: Any, tmp_path: Path) -> None:
    """Keras builds it from its configuration."""
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(network)
    assert again.get_config() == network.get_config()
    assert [w.path for w in again.weights] == [w.path for w in network.weights]
    assert [w.shape for w in again.weights] == [w.shape for w in network.weights]
    image = draw_street(1, 31, 45)[0][None]
    np.testing.assert_array_equal(network(image), again(image))


def test_overfits_one_batch_and_learns_with_every_weight(learner: Any) -> None:
    images, truths = map(np.stack, zip(*(draw_street(i, 32, 48) for i in range(2)), strict=True))
    weights = np.array(category_weights(CITYSCAPES), np.float32)
    variables = learner.trainable_weights
    losses: list[float] = []
    learning: set[str] = set()
    # Down the signs of the gradients: a graph or an optimizer takes longer than these steps.
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            loss = cross_entropy(truths, learner(images, training=True), weights)
        losses.append(float(loss))
        if losses[-1] < 0.7 * losses[0]:
            break
        values = [variable.value for variable in variables]
        gradients = tape.gradient(loss, values, unconnected_gradients="zero")
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(RATE * tf.sign(gradient))
            if np.any(gradient):
                learning.add(variable.path)
    assert losses[-1] < 0.7 * losses[0]
    assert learning == {variable.path for variable in variables}


def test_gives_masks_of_an_images_own_size(run: Any) -> None:
    engine = KerasEngine(lambda batch, training: run(batch), CITYSCAPES.real)
    segmenter = Segmenter(engine, InputSize(budget=32 * 64))
    images = [draw_street(4, *size)[0] for size in [(37, 61), (60, 90)]]
    masks = segmenter.predict(images)
    assert [mask.shape for mask in masks] == [(37, 61), (60, 90)]
    assert all(mask.dtype == np.uint8 and set(mask.flat) <= {*CITYSCAPES.real} for mask in masks)


def test_operations_grow_with_the_pixels(network: Any) -> None:
    once, twice = multiply_adds(network, 64, 96), multiply_adds(network, 128, 96)
    assert once > 0
    assert twice == 2 * once


@pytest.fixture(scope="module")
def vgg() -> Any:
    """As wide as it is trained."""
    return build_network("vgg_unet", 8)


def test_the_light_network_asks_a_tenth_of_vgg16s_operations(vgg: Any) -> None:
    lite = build_network("lite_unet", 8)
    assert 10 * multiply_adds(lite, 64, 96) < multiply_adds(vgg, 64, 96)


def test_the_full_networks_have_the_parameters_of_their_papers(vgg: Any) -> None:
    """31.0 M in Ronneberger et al.; 14.7 M in VGG16 without top."""
    unet = build_network("unet", 8)
    kernels = sum(w.shape.num_elements() for w in unet.trainable_weights if "kernel" in w.path)
    assert round(kernels / 1e6, 1) == 31.0
    encoder = [layer for layer in vgg.layers if layer.name.startswith("block")]
    assert sum(layer.count_params() for layer in encoder) == 14_714_688


def test_unknown_network_names_those_there_are() -> None:
    with pytest.raises(ModelNotFound, match="unet_mini"):
        build_network("unet_maxi", 8)
