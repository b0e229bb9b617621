"""The lines of the page on formats that read a mask, run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.render import render
from roadmask.schemas.mask_formats import MaskFormat

PAGE = Path(__file__).parents[2] / "docs/formats.md"
SNIPPETS = re.findall(
    r"^```python\n# ([\w-]+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
)
MASK = np.arange(48, dtype=np.uint8).reshape(6, 8) % 8
READERS = ["Pillow", "OpenCV", "TensorFlow", "scikit-image", "PyTorch"]
BY_COLOR = [each for each in SNIPPETS[5:] if each[0] not in ("Pillow", "PyTorch")]
"""The lines that read a palette by its colours."""
FILES = ("index", "png", "color", "labelids", "trainids")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the mask in each format."""
    for name in FILES:
        (tmp_path / f"{name}.png").write_bytes(render(MaskedImage(MASK, "a"), MaskFormat(name)))
    monkeypatch.chdir(tmp_path)


class TorchReader:
    """A Python with PyTorch that runs lines again and again: each start takes more than a second.

    It is that of the tests, or Debian's own.
    """

    LOOP = """
import json, os, sys
import PIL, numpy, torch
print("ready", flush=True)
for line in sys.stdin:
    folder, code = json.loads(line)
    os.chdir(folder)
    scope = {}
    exec(code, scope)
    print(json.dumps([str(scope["mask"].dtype), scope["mask"].tolist()]), flush=True)
"""

    def __init__(self) -> None:
        for python in filter(os.path.exists, (sys.executable, "/usr/bin/python3")):
            self._process = subprocess.Popen(
                [python, "-c", self.LOOP],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self.exists = self._answer() == "ready\n"
            if self.exists:
                break
            self.close()

    def read(self, code: str) -> np.ndarray:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([str(Path.cwd()), code]) + "\n")
        self._process.stdin.flush()
        dtype, rows = json.loads(self._answer())
        assert dtype == "torch.int64"
        return np.array(rows)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def torch() -> Iterator[TorchReader]:
    reader = TorchReader()
    yield reader
    reader.close()


Read = Callable[[str], np.ndarray]


@pytest.fixture
def read(torch: TorchReader) -> Read:
    """Runs lines that read a mask."""

    def run(code: str) -> np.ndarray:
        if "import torch\n" in code:
            if not torch.exists:
                pytest.skip("PyTorch is not installed; `make torch` installs Debian's.")
            return torch.read(code)
        scope: dict[str, Any] = {}
        exec(compile(code, PAGE.name, "exec"), scope)
        mask: np.ndarray = scope["mask"]
        return mask

    return run


def test_each_reader_has_lines_for_either_form() -> None:
    assert [name for name, _ in SNIPPETS] == READERS * 2


@pytest.mark.parametrize(("name", "code"), SNIPPETS, ids=lambda part: part.split("\n")[0])
def test_the_lines_read_the_indices(read: Read, name: str, code: str) -> None:
    assert np.array_equal(read(code), MASK)


@pytest.mark.parametrize(("name", "code"), SNIPPETS[:5], ids=lambda part: part.split("\n")[0])
@pytest.mark.parametrize("ids", ["labelids", "trainids"])
def test_the_lines_read_the_ids_of_cityscapes(read: Read, name: str, code: str, ids: str) -> None:
    found = read(code.replace("index.png", f"{ids}.png"))
    values = {"labelids": (0, 7, 11, 17, 21, 23, 24, 26), "trainids": (255, 0, 2, 5, 8, 10, 11, 13)}
    assert np.array_equal(found, np.array(values[ids])[MASK])


@pytest.mark.parametrize(("name", "code"), BY_COLOR, ids=lambda part: part.split("\n")[0])
def test_the_lines_read_colours_without_a_palette(read: Read, name: str, code: str) -> None:
    assert np.array_equal(read(code.replace("png.png", "color.png")), MASK)


@pytest.mark.parametrize(("name", "code"), SNIPPETS[1:4], ids=lambda part: part.split("\n")[0])
def test_the_page_is_right_that_a_palette_is_misread(read: Read, name: str, code: str) -> None:
    found = read(code.replace("index.png", "png.png"))
    assert found.shape != MASK.shape or not np.array_equal(found, MASK)
