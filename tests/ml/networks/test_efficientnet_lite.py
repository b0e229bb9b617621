from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from ml.networks.efficientnet_lite import STEM, blocks, encode, load_encoder


def encoder(variant: str = "lite0") -> Any:
    image = keras.Input((None, None, 3), dtype="uint8")
    return keras.Model(image, encode(image, variant, "float32"))


@pytest.fixture(scope="module")
def lite0() -> Any:
    return encoder()


def stored_arrays(variant: str = "lite0") -> dict[str, np.ndarray]:
    """Arrays under the names and in the shapes that the published files have, numbers made up."""
    random = np.random.default_rng(1)
    arrays: dict[str, np.ndarray] = {}

    def add(conv: str, shape: tuple[int, ...], norm: str) -> None:
        arrays[f"{conv}.weight"] = random.normal(0, 0.05, shape).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{norm}.{part}"] = random.uniform(0.5, 1.5, shape[0]).astype(np.float32)

    add("_conv_stem", (STEM, 3, 3, 3), "_bn0")
    entry = STEM
    for number, block in enumerate(blocks(variant)):
        name, wide, kernel = f"_blocks.{number}", entry * block.expansion, block.kernel
        if block.expansion > 1:
            add(f"{name}._expand_conv", (wide, entry, 1, 1), f"{name}._bn0")
        add(f"{name}._depthwise_conv", (wide, 1, kernel, kernel), f"{name}._bn1")
        add(f"{name}._project_conv", (block.channels, wide, 1, 1), f"{name}._bn2")
        entry = block.channels
    return arrays


@pytest.mark.parametrize(
    ("variant", "count", "channels"),
    [("lite0", 16, [16, 24, 40, 112, 320]), ("lite2", 21, [16, 24, 48, 120, 352])],
)
def test_the_scaling_is_that_of_the_paper(
    lite0: Any, variant: str, count: int, channels: list[int]
) -> None:
    network = lite0 if variant == "lite0" else encoder(variant)
    assert len(list(blocks(variant))) == count
    features = network(np.zeros((1, 64, 96, 3), np.uint8))
    sizes = [(1, 64 // stride, 96 // stride) for stride in (2, 4, 8, 16, 32)]
    assert [tuple(feature.shape[:3]) for feature in features] == sizes
    assert [feature.shape[3] for feature in features] == channels


def test_weights_land_in_their_layers_with_their_axes_in_keras_order(lite0: Any) -> None:
    arrays, model = stored_arrays(), lite0
    load_encoder(model, arrays)
    (kernel,) = model.get_layer("blocks.3.expand_conv").get_weights()
    assert (kernel[0, 0] == arrays["_blocks.3._expand_conv.weight"][:, :, 0, 0].T).all()
    (kernel,) = model.get_layer("blocks.3.depthwise_conv").get_weights()
    assert (kernel[1, 2, 5, 0] == arrays["_blocks.3._depthwise_conv.weight"][5, 0, 1, 2]).all()
    scale, offset, mean, variance = model.get_layer("blocks.3.bn1").get_weights()
    assert (scale == arrays["_blocks.3._bn1.weight"]).all()
    assert (offset == arrays["_blocks.3._bn1.bias"]).all()
    assert (mean == arrays["_blocks.3._bn1.running_mean"]).all()
    assert (variance == arrays["_blocks.3._bn1.running_var"]).all()
    loaded = sum(np.prod(weight.shape) for weight in model.weights)
    assert loaded == sum(array.size for array in arrays.values())


def test_weights_of_something_else_are_refused(lite0: Any) -> None:
    arrays = stored_arrays()
    missing = {name: array for name, array in arrays.items() if "_blocks.7" not in name}
    with pytest.raises(KeyError, match=r"_blocks\.7"):
        load_encoder(lite0, missing)
    with pytest.raises(ValueError, match=r"blocks\.\d"):
        load_encoder(lite0, stored_arrays("lite2"))
