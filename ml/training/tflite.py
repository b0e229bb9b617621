"""TFLite: reads the arrays of convolutions from a `.tflite` file, without TensorFlow Lite.

Source: the schema of TensorFlow Lite (`schema.fbs`, version 3) and the binary format of
FlatBuffers. A table begins with the distance back to its vtable, which holds the offset of each
field by number. Vectors begin with their length. All numbers are little-endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_IDENTIFIER = b"TFL3"
_CONVOLUTIONS = {3: (1, 2, 3, 0), 4: (1, 2, 3, 0)}
"""Operators CONV_2D (OHWI) and DEPTHWISE_CONV_2D (1HWC), and the axis order that turns their
kernels into Keras' HWIO and HWC1.
"""
_DTYPES = {0: np.float32, 2: np.int32, 3: np.uint8, 9: np.int8}
_SCOPE = re.compile(r"([^;]+)/(?:depthwise_)?weights")


def read_tflite(path: Path) -> dict[str, NDArray[np.float32]]:
    """Kernels and biases of all convolutions, dequantised: `Conv/expand.kernel`, `.bias`.

    The scope of its weights names a kernel. Raises `ValueError` if the file has another format,
    ends early, or holds weights of an unknown type.
    """
    data = path.read_bytes()
    if data[4:8] != _IDENTIFIER:
        raise ValueError("not a model of TensorFlow Lite")
    try:
        return dict(_convolutions(_Table(data, *struct.unpack_from("<I", data))))
    except (struct.error, IndexError, KeyError) as error:
        raise ValueError(f"a damaged model of TensorFlow Lite: {error!r}") from error


def _convolutions(model: _Table) -> Iterator[tuple[str, NDArray[np.float32]]]:
    codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
    graph = model.tables(2)[0]
    tensors, buffers = graph.tables(0), model.tables(4)
    for operator in graph.tables(3):
        order = _CONVOLUTIONS.get(codes[operator.number(0, "I")])
        if order is None:
            continue
        _, kernel, bias = operator.vector(1, np.int32)[:3]
        scope = _SCOPE.search(tensors[kernel].text(3))
        if scope is None:
            raise ValueError(f"no scope in the name {tensors[kernel].text(3)!r}")
        yield f"{scope[1]}.kernel", _array(tensors[kernel], buffers).transpose(order)
        yield f"{scope[1]}.bias", _array(tensors[bias], buffers)


def _array(tensor: _Table, buffers: list[_Table]) -> NDArray[np.float32]:
    """A constant tensor, with the scale and zero point of its quantisation applied."""
    stored = buffers[tensor.number(2, "I")].vector(0, np.uint8).view(_DTYPES[tensor.number(1, "b")])
    array = stored.reshape(tensor.vector(0, np.int32)).astype(np.float32)
    quantisation = tensor.table(4)
    scale = quantisation.vector(2, np.float32) if quantisation else np.empty(0, np.float32)
    if not len(scale):
        return array
    zero = quantisation.vector(3, np.int64) if quantisation else 0
    axis = quantisation.number(6, "i") if quantisation else 0
    shape = [-1 if index == axis and len(scale) > 1 else 1 for index in range(array.ndim)]
    result: NDArray[np.float32] = (array - np.float32(zero).reshape(shape)) * scale.reshape(shape)
    return result


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a FlatBuffer. Absent fields read as 0 or as empty."""

    data: bytes
    start: int

    def number(self, field: int, code: str) -> int:
        """A number of the `struct` format `code`."""
        at = self._at(field)
        return int(struct.unpack_from(f"<{code}", self.data, at)[0]) if at else 0

    def text(self, field: int) -> str:
        """A string."""
        return self.vector(field, np.uint8).tobytes().decode()

    def vector(self, field: int, dtype: Any) -> NDArray[Any]:
        """A vector of numbers."""
        at = self._reference(field)
        if not at:
            return np.empty(0, dtype)
        length = self._offset(at)
        content = self.data[at + 4 : at + 4 + length * np.dtype(dtype).itemsize]
        array = np.frombuffer(content, dtype)
        if len(array) != length:
            raise IndexError("it ends early")
        return array

    def table(self, field: int) -> _Table | None:
        """Another table."""
        at = self._reference(field)
        return _Table(self.data, at) if at else None

    def tables(self, field: int) -> list[_Table]:
        """A vector of tables."""
        at = self._reference(field)
        places = range(at + 4, at + 4 + 4 * self._offset(at), 4) if at else ()
        return [_Table(self.data, place + self._offset(place)) for place in places]

    def _at(self, field: int) -> int:
        """Where a field is; 0: absent."""
        vtable = self.start - struct.unpack_from("<i", self.data, self.start)[0]
        size, place = struct.unpack_from("<H", self.data, vtable)[0], 4 + 2 * field
        if place >= size:
            return 0
        offset = int(struct.unpack_from("<H", self.data, vtable + place)[0])
        return self.start + offset if offset else 0

    def _reference(self, field: int) -> int:
        at = self._at(field)
        return at + self._offset(at) if at else 0

    def _offset(self, at: int) -> int:
        return int(struct.unpack_from("<I", self.data, at)[0])
