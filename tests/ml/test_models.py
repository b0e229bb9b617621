"""The battery that every network of the registry has to pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ml.losses import category_weights, cross_entropy
from ml.models.registry import NETWORKS, build_network
from roadmask.categories import CITYSCAPES
from roadmask.errors import ModelNotFound
from tests.ml.streets import draw_street


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Any:
    keras.utils.set_random_seed(3)
    return build_network(request.param, len(CITYSCAPES))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 160), (224, 64)])
def test_any_size_gives_one_logit_per_pixel_and_category(
    network: Any, height: int, width: int
) -> None:
    logits = network(np.zeros((2, height, width, 3), np.uint8))
    assert logits.shape == (2, height, width, 8)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_still_gives_float32_logits(name: str) -> None:
    network = build_network(name, len(CITYSCAPES), "mixed_bfloat16")
    logits = network(np.zeros((1, 32, 32, 3), np.uint8))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert {layer.compute_dtype for layer in network.layers} >= {"bfloat16"}


def test_save_and_load_give_the_same_logits(network: Any, tmp_path: Path) -> None:
    image = draw_street(1)[0][None]
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(network(image), again(image))
    assert again.get_config() == network.get_config()


def test_overfits_one_batch(network: Any) -> None:
    images, truths = map(np.stack, zip(*(draw_street(i, 64, 64) for i in range(2)), strict=True))
    weights = np.array(category_weights(CITYSCAPES), np.float32)
    network.compile(
        keras.optimizers.Adam(5e-3), lambda truth, logits: cross_entropy(truth, logits, weights)
    )
    losses = network.fit(images, truths, epochs=25, verbose=0).history["loss"]
    assert losses[-1] < 0.15 * losses[0]


def test_unknown_network_names_those_there_are() -> None:
    with pytest.raises(ModelNotFound, match="unet_mini"):
        build_network("unet_maxi", 8)
