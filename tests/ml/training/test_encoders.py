"""Encoder weights: from their packages and files into the networks, and clear words otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from click.testing import CliRunner

from ml.cli.train import train
from ml.networks.lite_unet import LiteUNet
from ml.networks.vgg_unet import BLOCKS, VGGUNet
from ml.recipes.registry import LITE_UNET, UNET_MINI, VGG_UNET
from ml.training.encoders import PACKAGES, encoder_file, find_encoder, load_encoder
from ml.training.training_run import Run
from roadmask.errors import InvalidRequest, TrainingStopped
from tests.harness.ml.street_folder import write_streets
from tests.ml.networks.test_efficientnet_lite import stored_arrays

NARROW = (8, 8, 8, 8)


@pytest.fixture(scope="module")
def vgg() -> Any:
    return VGGUNet(widths=NARROW)


@pytest.fixture(scope="module")
def lite() -> Any:
    return LiteUNet(widths=NARROW)


def vgg_arrays() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random, entry, arrays = np.random.default_rng(1), 3, {}
    for number, (width, repeats) in enumerate(BLOCKS, 1):
        for repeat in range(1, repeats + 1):
            kernel = random.random((3, 3, entry, width), np.float32)
            arrays[f"block{number}_conv{repeat}"] = kernel, random.random(width, np.float32)
            entry = width
    return arrays


def write_h5(path: Path, style: str) -> Path:
    """A VGG16 as Keras 3 stores it, alone or within another network, or as Keras 2 did."""
    with h5py.File(path, "w") as file:
        for count, (name, (kernel, bias)) in enumerate(vgg_arrays().items()):
            if style == "keras 2":
                file[f"{name}/{name}_W_1:0"], file[f"{name}/{name}_b_1:0"] = kernel, bias
                continue
            group = file.create_group(f"{style}/conv2d_{count}/vars")
            group["0"], group["1"] = kernel, bias
            group.attrs["name"] = name
    return path


@pytest.mark.parametrize("style", ["layers", "block1/layers", "keras 2"])
def test_vgg16_is_read_from_files_of_any_keras(vgg: Any, style: str, tmp_path: Path) -> None:
    load_encoder(vgg, write_h5(tmp_path / "vgg16.h5", style))
    for name, (kernel, bias) in vgg_arrays().items():
        for expected, weight in zip((kernel, bias), vgg.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(expected, weight)


def test_what_keras_stores_itself_is_read(vgg: Any, tmp_path: Path) -> None:
    source = keras.applications.VGG16(weights=None, include_top=False)
    source.save_weights(tmp_path / "vgg16.weights.h5")
    load_encoder(vgg, tmp_path / "vgg16.weights.h5")
    for name in ("block1_conv1", "block5_conv3"):
        expected, _ = source.get_layer(name).get_weights()
        np.testing.assert_array_equal(vgg.get_layer(name).get_weights()[0], expected)


def test_files_of_something_else_are_refused(vgg: Any, lite: Any, tmp_path: Path) -> None:
    arrays = stored_arrays()
    part = {name: array for name, array in arrays.items() if "_blocks.7" not in name}
    np.savez(tmp_path / "part.npz", allow_pickle=False, **part)
    with pytest.raises(InvalidRequest, match=r"part\.npz does not hold .*_blocks\.7"):
        load_encoder(lite, tmp_path / "part.npz")
    np.savez(tmp_path / "other.npz", allow_pickle=False, **stored_arrays("lite2"))
    with pytest.raises(InvalidRequest, match=r"other\.npz does not hold .*shape"):
        load_encoder(lite, tmp_path / "other.npz")
    with pytest.raises(InvalidRequest, match=r"other\.npz does not hold .*block1_conv1"):
        load_encoder(vgg, tmp_path / "other.npz")
    for name in ("weights.h5", "weights.npz", "weights.pth", "weights.txt"):
        (tmp_path / name).write_text("no weights")
        with pytest.raises(InvalidRequest, match=f"{name} does not hold"):
            load_encoder(vgg, tmp_path / name)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_package_holds_what_its_network_needs(vgg: Any, lite: Any, name: str) -> None:
    model = {"vgg16": vgg, "efficientnet_lite0": lite}.get(name.rpartition("_")[0])
    model = model or LiteUNet(variant=name.split("_")[1], widths=NARROW)
    first = "block1_conv1" if model is vgg else "conv_stem"
    before = model.get_layer(first).get_weights()[0]
    load_encoder(model, find_encoder(name))
    assert not np.array_equal(model.get_layer(first).get_weights()[0], before)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "vgg16_hed", "roadmask-has-no-such-package")
    with pytest.raises(InvalidRequest, match=r"roadmask-has-no-such-package.*--encoder FILE"):
        find_encoder("vgg16_hed")


def test_unknown_weights_name_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"efficientnet_lite0_imagenet.*vgg16_imagenet"):
        find_encoder("vgg19")


def test_without_a_network_imagenet_weights_ask_for_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(InvalidRequest, match=r"could not fetch them.*--encoder FILE"):
        find_encoder("vgg16_imagenet")


def test_a_given_file_comes_before_the_named_weights(tmp_path: Path) -> None:
    given = tmp_path / "given.npz"
    assert encoder_file(LITE_UNET, given) == given
    named = encoder_file(LITE_UNET, None)
    assert named is not None
    assert named.suffix == ".pth"
    assert encoder_file(replace(LITE_UNET, encoder=""), None) is None
    with pytest.raises(InvalidRequest, match="Leave --encoder out"):
        encoder_file(UNET_MINI, given)


def test_the_command_takes_a_file_or_none_or_what_the_recipe_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs: list[Run] = []

    def begin(run: Run, *_: Any) -> Any:
        runs.append(run)
        raise TrainingStopped("seen")

    monkeypatch.setattr("ml.training.train.train", begin)
    (tmp_path / "weights.h5").touch()
    streets = write_streets(tmp_path / "streets", 2)
    words = ["vgg_unet", "--data", str(streets), "--out", str(tmp_path / "out")]
    for given in ([], ["--encoder", str(tmp_path / "weights.h5")], ["--encoder", "none"]):
        assert isinstance(CliRunner().invoke(train, [*words, *given]).exception, TrainingStopped)
    named, file, random = runs
    assert (named.recipe, named.encoder) == (VGG_UNET, None)
    assert (file.recipe, file.encoder) == (VGG_UNET, tmp_path / "weights.h5")
    assert (random.recipe, random.encoder) == (replace(VGG_UNET, encoder="", frozen=()), None)
    lost = CliRunner().invoke(train, [*words, "--encoder", str(tmp_path / "lost.h5")])
    assert lost.exit_code == 2
    assert "lost.h5" in lost.output
