"""What is wrong with the images to measure on is said before an epoch is spent."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ml.data.samples import annotated_samples
from ml.recipes.registry import UNET_MINI
from ml.training.training_run import Run
from ml.training.validation import check_validation
from roadmask.errors import InvalidRequest, ItemError
from roadmask.masks.codec import encode_mask
from tests.harness.ml.street_folder import write_streets


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    folder = write_streets(tmp_path / "data", 3)
    (folder / "images/001.png").write_bytes(b"no image")
    with pytest.raises(ItemError, match=r"images/001\.png"):
        check_validation(annotated_samples(folder))


def test_images_without_an_annotated_pixel_are_refused(tmp_path: Path) -> None:
    folder = write_streets(tmp_path / "data", 2)
    for mask in (folder / "masks").iterdir():
        mask.write_bytes(encode_mask(np.zeros((96, 128), np.uint8)))
    with pytest.raises(InvalidRequest, match="None of the 2 validation images"):
        check_validation(annotated_samples(folder))
    check_validation([])


def test_categories_that_do_not_occur_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        check_validation(annotated_samples(write_streets(tmp_path / "data", 1)))
    assert "as construction, object: the mean IoU" in caplog.text


@pytest.mark.parametrize("name", ["", "my model", "../x", "é", "a" * 129, "a@b", "-a"])
def test_a_name_that_no_job_could_say_is_refused_before_training(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot name a model"):
        Run(UNET_MINI, [], [], tmp_path, name)
