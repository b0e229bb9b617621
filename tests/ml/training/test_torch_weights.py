"""Files of PyTorch, written here by its format and with none of its code."""

from __future__ import annotations

import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ml.training.torch_weights import read_pth

NUMBERS = np.arange(12, dtype="<f4")


class FloatStorage:
    """Only its name is stored."""


def _rebuild_tensor_v2() -> None:
    """Only its name is stored."""


class Storage:
    """Told apart from what is pickled itself."""


class Tensor:
    """A view of the one storage, pickled as PyTorch does it."""

    def __init__(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.view = (offset, shape, strides)

    def __reduce__(self) -> Any:
        return _rebuild_tensor_v2, (Storage(), *self.view, False, OrderedDict())


class Writer(pickle.Pickler):
    def persistent_id(self, entry: Any) -> Any:
        stored = isinstance(entry, Storage)
        return ("storage", FloatStorage, "7", "cpu", len(NUMBERS), None) if stored else None


@pytest.fixture(autouse=True)
def names_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, entry in [("torch", FloatStorage), ("torch._utils", _rebuild_tensor_v2)]:
        stand_in = ModuleType(module)
        setattr(stand_in, entry.__name__, entry)
        monkeypatch.setitem(sys.modules, module, stand_in)
        monkeypatch.setattr(entry, "__module__", module)


def write(path: Path, content: Any, magic: int = 0x1950A86A20F9469CFC6C) -> Path:
    with path.open("wb") as file:
        for head in (magic, 1001, {"little_endian": True}):
            pickle.dump(head, file, 2)
        Writer(file, 2).dump(content)
        pickle.dump(["7"], file, 2)
        file.write(struct.pack("<q", len(NUMBERS)) + NUMBERS.tobytes())
    return path


def test_tensors_are_views_of_their_storage(tmp_path: Path) -> None:
    tensors = OrderedDict(
        whole=Tensor(0, (3, 4), (4, 1)),
        turned=Tensor(0, (4, 3), (1, 4)),
        tail=Tensor(10, (2,), (1,)),
        one=Tensor(5, (), ()),
    )
    arrays = read_pth(write(tmp_path / "weights.pth", tensors))
    assert list(arrays) == ["whole", "turned", "tail", "one"]
    np.testing.assert_array_equal(arrays["whole"], NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(arrays["turned"], NUMBERS.reshape(3, 4).T)
    np.testing.assert_array_equal(arrays["tail"], [10, 11])
    assert arrays["one"] == 5


def test_a_tensor_that_leaves_its_storage_is_refused(tmp_path: Path) -> None:
    for tensor in (Tensor(8, (5,), (1,)), Tensor(0, (2, 2), (12, 1)), Tensor(-1, (2,), (1,))):
        with pytest.raises(ValueError, match=r"\w"):
            read_pth(write(tmp_path / "weights.pth", {"outside": tensor}))


def test_no_code_of_the_file_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    path = write(tmp_path / "weights.pth", {"a": Trap()})
    with pytest.raises(ValueError, match="which is no array"):
        read_pth(path)
    path.write_bytes(pickle.dumps(Trap(), 2))
    with pytest.raises(ValueError, match="which is no array"):
        read_pth(path)
    assert not (tmp_path / "sprung").exists()


def test_other_and_cut_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "weights.pth", {"all": Tensor(0, (12,), (1,))})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="ends early"):
        read_pth(path)
    with pytest.raises(ValueError, match=r"before version 1\.6"):
        read_pth(write(path, {}, magic=1))
    path.write_bytes(b"PK\x03\x04 a zip")
    with pytest.raises(ValueError, match="not a state dict"):
        read_pth(path)
