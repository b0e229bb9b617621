"""Files of masks: their names, and writing them whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask.mask_files import confidence_name, mask_file, mask_names, write_whole
from roadmask.mask_formats import FILE_FORMATS, MaskFormat
from roadmask.masks import encode_mask
from tests.api.pictures import picture


@pytest.mark.parametrize(
    "names",
    [
        {"a/x.jpg": "a/x.png", "b/x.jpg": "b/x.png", "y.PNG": "y.png"},
        {"x.jpg": "x.jpg.png", "x.tif": "x.tif.png", "x.y.jpg": "x.y.png"},
        {"x.jpg": "x.png", "x.jpg.png": "x.jpg.png.png"},
        {"x.jpg": "x.jpg.png", "x.tif": "x.tif.png", "x.jpg.png": "x.jpg.png.png"},
    ],
)
def test_no_two_images_share_a_mask(names: dict[str, str]) -> None:
    assert mask_names(list(names)) == names


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
    written = mask_file(encode_mask(mask), tmp_path / "z.jpg", form)
    beginning = {".png": b"\x89PNG", ".json": b"[{", ".geojson": b'{"type"', ".npz": b"PK"}
    assert written.startswith(beginning[suffix])


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / "below" / f"{'x' * 251}.png"
    write_whole(path, [b"old"])
    write_whole(path, [b"a ", b"mask"])
    assert path.read_bytes() == b"a mask"


def test_what_fails_on_its_way_leaves_the_old_file(tmp_path: Path) -> None:
    def cut_off() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    path = tmp_path / "x.png"
    write_whole(path, [b"whole"])
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, cut_off())
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]
