"""The lines of the page on formats that read a mask, run as they stand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
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


@cache
def python_with_torch() -> str:
    """A Python that has PyTorch: this one, or Debian's own; empty for none."""
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import PIL, numpy, torch"]
        if Path(python).exists() and subprocess.run(command, capture_output=True).returncode == 0:
            return python
    return ""


def read(code: str) -> np.ndarray:
    if "import torch\n" in code:
        if not python_with_torch():
            pytest.skip("PyTorch is not installed; `make torch` installs Debian's.")
        print_mask = "import json, sys\njson.dump([str(mask.dtype), mask.tolist()], sys.stdout)"
        command = [python_with_torch(), "-c", f"{code}\n{print_mask}"]
        dtype, rows = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert dtype == "torch.int64"
        return np.array(rows)
    scope: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), scope)
    mask: np.ndarray = scope["mask"]
    return mask


def test_each_reader_has_lines_for_either_form() -> None:
    assert [name for name, _ in SNIPPETS] == READERS * 2


@pytest.mark.parametrize(("name", "code"), SNIPPETS, ids=lambda part: part.split("\n")[0])
def test_the_lines_read_the_indices(name: str, code: str) -> None:
    assert np.array_equal(read(code), MASK)


@pytest.mark.parametrize(("name", "code"), SNIPPETS[:5], ids=lambda part: part.split("\n")[0])
@pytest.mark.parametrize("ids", ["labelids", "trainids"])
def test_the_lines_read_the_ids_of_cityscapes(name: str, code: str, ids: str) -> None:
    found = read(code.replace("index.png", f"{ids}.png"))
    values = {"labelids": (0, 7, 11, 17, 21, 23, 24, 26), "trainids": (255, 0, 2, 5, 8, 10, 11, 13)}
    assert np.array_equal(found, np.array(values[ids])[MASK])


@pytest.mark.parametrize(("name", "code"), BY_COLOR, ids=lambda part: part.split("\n")[0])
def test_the_lines_read_colours_without_a_palette(name: str, code: str) -> None:
    assert np.array_equal(read(code.replace("png.png", "color.png")), MASK)


@pytest.mark.parametrize(("name", "code"), SNIPPETS[1:4], ids=lambda part: part.split("\n")[0])
def test_the_page_is_right_that_a_palette_is_misread(name: str, code: str) -> None:
    found = read(code.replace("index.png", "png.png"))
    assert found.shape != MASK.shape or not np.array_equal(found, MASK)
