"""Model file: a network and its weights as a small, reproducible `.keras` file."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from roadmask.atomic import replacing
from roadmask.errors import InvalidRequest
from roadmask.hashing import sha256_of
from roadmask.shown import shown

UNSAFE = frozenset({"Lambda", "function", "TFSMLayer"})
"""Classes of Keras that run code or read files which the model file names."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_model(model: Any, path: Path, metadata: str = "{}") -> str:
    """Write a Keras model; returns the sha256 (hex) of the file. The same weights and metadata give
    the same bytes.

    Kernels are stored in half precision, vectors (biases, batch statistics) in single precision.
    Every Keras reads the file, into float32 variables. `metadata`, JSON, is what else makes a
    version of the model: Keras ignores it.
    """
    packed = io.BytesIO()
    with replacing(path) as draft:
        model.save(draft)
        _pack(draft, packed, metadata.encode())
        draft.write_bytes(packed.getvalue())
    return sha256_of(packed.getvalue())


def _pack(saved: Path, packed: io.BytesIO, metadata: bytes) -> None:
    """Repack the file that Keras saved as a zip file that depends on weights and metadata alone."""
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(packed, "w") as target:
        for name in sorted(source.namelist()):
            weights = name.endswith(".h5")
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Keras' own metadata hold the time of saving.
            data = metadata if name == "metadata.json" else source.read(name)
            target.writestr(entry, _halved(data) if weights else data)


def read_model(path: Path) -> Any:
    """The Keras model that `write_model` wrote: float32 weights, float32 computation.

    Raises `InvalidRequest` for a file that would run other code than that of Keras and of our
    networks, for one that is not a model in Keras' format, and for weights that are not finite.
    """
    import keras

    import ml.networks.registry  # noqa: F401  the networks' classes must be known to Keras

    check_classes(path, keras.saving.get_custom_objects())
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    for weight in model.weights:
        # Layers behind it may hide it, and the masks would only be worse.
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise InvalidRequest(
                f"{path} has weights that are not finite ({shown(weight.path)}): its training "
                "failed, or it was changed. Use another version."
            )
    return model


def check_classes(path: Path, known: Container[str]) -> None:
    """Check that a file names classes of Keras only, or such that are `known` by a registered name.

    A configuration names the module and the class of each layer, and Keras would import them.
    Raises `InvalidRequest`, also if the file has no configuration.
    """
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))
    except (zipfile.BadZipFile, zlib.error, LookupError, ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"{path} is not a model in Keras' format ({error}). Save it with `model.save` in Keras "
            "3, or copy the artifact again."
        ) from error
    for module, name, registered in _classes(config):
        is_of_keras = module == "keras" or module.startswith("keras.")
        if name in UNSAFE or not (registered in known or is_of_keras):
            raise InvalidRequest(
                f"{path} has the layer {shown(f'{module}.{name}'.strip('.'))}, which may run any "
                "code. Only layers of Keras and of Roadmask's networks are loaded."
            )


def _classes(config: Any) -> Iterator[tuple[str, str, str]]:
    """The module, name and registered name of each class in a configuration."""
    if isinstance(config, dict):
        if "class_name" in config:
            names = (config.get(key) or "" for key in ("module", "class_name", "registered_name"))
            module, name, registered = map(str, names)
            yield module, name, registered
        config = list(config.values())
    if isinstance(config, list):
        for member in config:
            yield from _classes(member)


def _halved(weights: bytes) -> bytes:
    """The same HDF5 file with every array of two or more dimensions in half precision."""
    packed = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as source, h5py.File(packed, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                copied = target.require_group(name)
            elif item.ndim > 1 and item.dtype == "float32":
                copied = target.create_dataset(
                    name,
                    data=item[()].astype("float16"),
                    chunks=item.shape,
                    # High bytes apart from low ones: only the former have a pattern to compress.
                    shuffle=True,
                    compression="gzip",
                )
            else:
                copied = target.create_dataset(name, data=item[()])
            copied.attrs.update(item.attrs)

        source.visititems(copy)
        target.attrs.update(source.attrs)
    return packed.getvalue()
