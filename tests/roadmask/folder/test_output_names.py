"""Files of masks: their names and formats."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from PIL import Image

from roadmask.folder.mask_file import convert_mask
from roadmask.folder.output_names import confidence_name, mask_names, recorded_name
from roadmask.masks.codec import encode_mask
from roadmask.schemas.mask_formats import FILE_FORMATS, MaskFormat
from tests.harness.images.api_images import picture


@pytest.mark.parametrize(
    "names",
    [
        {"a/x.jpg": "a/x.png", "b/x.jpg": "b/x.png", "y.PNG": "y.png"},
        {"x.jpg": "x.jpg.png", "x.tif": "x.tif.png", "x.y.jpg": "x.y.png"},
        {"x.jpg": "x.png", "x.jpg.png": "x.jpg.png.png"},
        {"x.jpg": "x.jpg.png", "x.tif": "x.tif.png", "x.jpg.png": "x.jpg.png.png"},
        {"x.jpg": "x.jpg.png", "x.png/y/z.jpg": "x.png/y/z.png"},
        {"IMG.JPG": "IMG.JPG.png", "img.png": "img.png.png", "img2.jpg": "img2.png"},
        {"A/x.jpg": "A/x.jpg.png", "a/x.tif": "a/x.tif.png"},
        {"\u00e4.jpg": "\u00e4.jpg.png", "a\u0308.tif": "a\u0308.tif.png"},
        {"X.jpg": "X.png", "x.JPG.png": "x.JPG.png.png"},
        {"x.jpg": "x.jpg.png", "X.PNG/y.jpg": "X.PNG/y.png"},
        {"Front/x.jpg": "Front/x.png", "front/x.jpg": "front/x.png", "y.jpg": "y.png"},
    ],
)
def test_no_two_images_share_a_mask(names: dict[str, str]) -> None:
    assert mask_names(list(names)) == names


@pytest.mark.parametrize(
    ("file", "name"), [(r"C:\sure\x.png", r"..\sure\x.png"), (r"D:\sure\x.png", r"D:\sure\x.png")]
)
def test_a_file_on_another_drive_is_recorded_by_its_whole_path(
    file: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "path", ntpath)
        found = recorded_name(PureWindowsPath(file), PureWindowsPath(r"C:\masks"))
    assert found == name


@pytest.mark.parametrize("form", FILE_FORMATS)
def test_a_mask_is_written_under_what_it_is(form: MaskFormat, tmp_path: Path) -> None:
    suffix = {"rle": ".json", "polygons": ".geojson", "npz": ".npz"}.get(form, ".png")
    assert mask_names(["a/x.y.jpg", "z.jpg", "z.tif"], form) == {
        "a/x.y.jpg": f"a/x.y{suffix}",
        "z.jpg": f"z.jpg{suffix}",
        "z.tif": f"z.tif{suffix}",
    }
    assert confidence_name(f"a/x.y{suffix}") == "a/x.y.png"
    (tmp_path / "z.jpg").write_bytes(picture())
    with Image.open(tmp_path / "z.jpg") as photo:
        mask = np.ones(photo.size[::-1], np.uint8)
    written = convert_mask(encode_mask(mask), tmp_path / "z.jpg", form)
    beginning = {".png": b"\x89PNG", ".json": b"[{", ".geojson": b'{"type"', ".npz": b"PK"}
    assert written.startswith(beginning[suffix])
