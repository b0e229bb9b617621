"""Model file: a network with its weights as `.keras`, small and reproducible."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import h5py

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_model(model: Any, path: Path) -> str:
    """Store a Keras model; gives the file's sha256 (hex). The same weights make the same bytes.

    Kernels are stored in half precision, vectors (biases, batch statistics) in single. Any Keras
    reads the file, into float32 variables.
    """
    draft = path.with_name(f"draft-{path.name}")
    model.save(draft)
    packed = io.BytesIO()
    with zipfile.ZipFile(draft) as source, zipfile.ZipFile(packed, "w") as target:
        for name in sorted(source.namelist()):
            weights = name.endswith(".h5")
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # The metadata hold the time of saving.
            data = b"{}" if name == "metadata.json" else source.read(name)
            target.writestr(entry, _halved(data) if weights else data)
    draft.write_bytes(packed.getvalue())
    os.replace(draft, path)
    return hashlib.sha256(packed.getvalue()).hexdigest()


def read_model(path: Path) -> Any:
    """The Keras model that `write_model` stored: float32, and computing in float32."""
    import keras

    import ml.models.registry  # noqa: F401  the networks' classes must be known to Keras

    return keras.saving.load_model(path, compile=False)


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
