"""Annotated datasets: what of them can be loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.data.annotated import AnnotatedDataset, LeftOut, from_folder
from roadmask.errors import InvalidRequest
from roadmask.images.decoding import encode_png
from roadmask.masks.codec import encode_mask
from tests.harness.ml.street_folder import write_streets
from tests.harness.privileges import bound_by_permissions


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    return write_streets(tmp_path / "streets", 6)


def spoil(streets: Path) -> None:
    (streets / "images/001.png").write_bytes(b"no image")
    (streets / "masks/002.png").write_bytes(b"no mask")
    (streets / "masks/003.png").write_bytes(encode_mask(np.zeros((4, 5), np.uint8)))
    (streets / "masks/004.png").write_bytes(encode_png(np.full((96, 128), 200, np.uint8)))


def test_each_image_that_cannot_be_read_is_left_out_alone_with_its_cause(streets: Path) -> None:
    dataset = from_folder(streets)
    spoil(streets)
    (streets / "images/005.png").unlink()
    (loaded,) = dataset.load()
    assert (loaded.name, loaded.image.shape, loaded.truth.shape) == ("000", (96, 128, 3), (96, 128))
    assert [each.name for each in dataset.left_out] == ["001", "002", "003", "004", "005"]
    details = [each.detail for each in dataset.left_out]
    assert "not an image" in details[0]
    assert "002.png" in details[1]
    assert "128x96 pixels, but its mask is 5x4" in details[2]
    assert "200" in details[3]
    assert "No such file" in details[4]


def test_a_folder_that_cannot_be_listed_is_left_out_by_name(streets: Path) -> None:
    (streets / "images/private").mkdir(mode=0)
    with bound_by_permissions():
        dataset = from_folder(streets)
    assert len(list(dataset.load())) == 6
    cause = "The folder cannot be listed: Permission denied."
    assert dataset.left_out == [LeftOut("images/private/", cause)]
    with pytest.raises(InvalidRequest, match=r"images/private/ of .* cannot be listed"):
        next(dataset.load_all())


def test_a_dataset_without_a_readable_image_is_refused(streets: Path) -> None:
    for image in (streets / "images").iterdir():
        image.write_bytes(b"no image")
    with pytest.raises(InvalidRequest, match=r"None of the 6 annotated images .* such as 000: "):
        list(from_folder(streets).load())


def test_a_dataset_whose_images_went_since_is_refused() -> None:
    dataset = AnnotatedDataset("streets", 3, [])
    with pytest.raises(InvalidRequest, match=r"None of the 3 annotated images of streets"):
        list(dataset.load())


def test_what_is_published_is_measured_on_all_images(streets: Path) -> None:
    assert len(list(from_folder(streets).load_all())) == 6
    (streets / "images/001.png").write_bytes(b"no image")
    with pytest.raises(InvalidRequest, match=r"^001 of "):
        list(from_folder(streets).load_all())
