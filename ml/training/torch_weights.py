"""Torch weights: reads the arrays of a file that PyTorch saved, without PyTorch.

Source: the format of `torch.save` before version 1.6. It holds pickles of a magic number, the
protocol, the machine's sizes, the object, and the keys of its storages; then the length and the
numbers of each storage, little-endian.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C


def read_pth(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a state dict by name, in PyTorch's shapes.

    Raises `ValueError` if the file has another format or holds anything but arrays.
    """
    with path.open("rb") as file:
        try:
            magic, _protocol, _sizes = (_Reader(file).load() for _ in range(3))
            if magic != _MAGIC:
                raise ValueError("another format than that of torch.save before version 1.6")
            reader = _Reader(file)
            arrays = dict(reader.load())
            for key in _Reader(file).load():
                _fill(reader.storages[key], file)
        except (pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError) as error:
            raise ValueError(f"not a state dict of PyTorch: {error}") from error
    return arrays


def _fill(storage: NDArray[Any], file: IO[bytes]) -> None:
    (length,) = np.frombuffer(file.read(8), "<i8")
    content = np.frombuffer(file.read(storage.nbytes), storage.dtype)
    if length != len(storage) or len(content) != length:
        raise EOFError("it ends early")
    storage[:] = content


def _view(
    storage: NDArray[Any], offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any
) -> NDArray[Any]:
    """A tensor is a view of its storage, which is filled later. A view beyond its storage is
    refused.
    """
    size = storage.itemsize
    return np.ndarray(shape, storage.dtype, storage, offset * size, [s * size for s in strides])


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _view,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Reader(pickle.Unpickler):
    """Knows four names and no others: any other could run code from the file."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The objects for the four names."""
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")
        return _KNOWN[module, name]

    def persistent_load(self, reference: Any) -> NDArray[Any]:
        """The storage of a tensor, before its numbers are read."""
        _, dtype, key, _, length, _ = reference
        return self.storages.setdefault(key, np.empty(length, dtype))
