"""The recipes of the cookbook, run as they stand on what a batch wrote."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from roadmask import Client, decode_mask
from tests.harness.client.program import call_roadmask

PAGE = Path(__file__).parents[3] / "docs/cookbook.md"
RECIPES: dict[str, str] = dict(
    re.findall(r"^```python\n# (\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
)


@pytest.fixture(autouse=True)
def place(
    client: Client,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    busy_worker: object,
) -> None:
    """A folder with photos, one of them damaged, and what the command of the page wrote."""
    (photos / "damaged.jpg").write_bytes(b"no photo")
    words = re.findall(r"^roadmask (batch .*)$", PAGE.read_text(), re.MULTILINE)[0].split()
    assert call_roadmask(*words, cwd=tmp_path, ROADMASK_URL=client.base_url).returncode == 1
    monkeypatch.chdir(tmp_path)


def run(recipe: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(compile(RECIPES[recipe], PAGE.name, "exec"), scope)
    return scope


def test_the_cookbook_has_these_recipes() -> None:
    assert list(RECIPES) == ["Pairs", "COCO", "TensorFlow", "PyTorch"]


def test_pairs_are_photos_and_their_masks() -> None:
    pairs = run("Pairs")["pairs"]
    assert len(pairs) == 4, "the damaged photo has none"
    for photo, mask in pairs:
        assert Path(photo).stem == Path(mask).stem
        assert decode_mask(Path(mask).read_bytes()).ndim == 2


def test_coco_gives_the_masks_back(masks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scope = run("COCO")
    names = {image["file_name"] for image in scope["coco"].imgs.values()}
    assert names == {"a/b/deep.jpg", "a/one.jpg", "top.png", "with space ü.jpeg"}
    path = (masks / scope["image"]["file_name"]).with_suffix(".png")
    assert np.array_equal(scope["mask"], decode_mask(path.read_bytes()))


@pytest.mark.slow
def test_tensorflow_reads_photos_and_indices() -> None:
    [(images, indices)] = list(run("TensorFlow")["dataset"])
    assert (images.shape, indices.shape) == ((4, 256, 384, 3), (4, 256, 384))
    assert 0 < float(images.numpy().max()) <= 1
    assert int(indices.numpy().max()) < 8


def test_pytorch_gets_pixels_and_indices(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tensor(np.ndarray):
        def permute(self, *axes: int) -> np.ndarray:
            return self.transpose(axes).view(Tensor)

        def float(self) -> np.ndarray:
            return self.astype(np.float32)

        def long(self) -> np.ndarray:
            return self.astype(np.int64)

    stand_in = SimpleNamespace(
        utils=SimpleNamespace(data=SimpleNamespace(Dataset=object)),
        from_numpy=lambda array: array.view(Tensor),
    )
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    dataset = run("PyTorch")["Streets"]("photos", "masks")
    pixels, mask = dataset[0]
    assert len(dataset) == 4
    assert pixels.shape == (3, *mask.shape)
    assert (pixels.dtype, mask.dtype) == (np.float32, np.int64)
