"""`roadmask ingest --dry-run`: what is taken for what, without a service."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask.masks.codec import colorize
from tests.harness.client.program import call_roadmask
from tests.harness.images.api_images import picture
from tests.harness.privileges import bound_by_permissions

COLORS = colorize(np.arange(8, dtype=np.uint8).reshape(1, 8))
TRAIN_IDS = np.array([[0, 2, 8, 10, 13, 18, 255, 1]], np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(7):
        path = tmp_path / f"set/images/街 {number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
        if number:
            save(tmp_path / f"set/masks/街 {number}_mask.png", TRAIN_IDS)
    return tmp_path / "set"


def test_a_dry_run_shows_five_examples_and_what_is_left(folder: Path) -> None:
    save(folder / "masks/other.png", TRAIN_IDS)
    (folder / "images/.hidden.jpg").write_bytes(picture(1))
    done = call_roadmask("ingest", folder, "--dataset", "d", "--dry-run", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "images and masks: 7 images in images/, 6 of them with a mask in masks/",
        "Masks are read as cityscapes-trainids (found from all 6 masks).",
        *(f"  街 {n}.jpg -> d/街 {n}, mask: masks/街 {n}_mask.png" for n in range(1, 6)),
        "  and 2 more images",
        "1 masks without an image: masks/other.png.",
        "Skipped 1 hidden images, whose names begin with a dot: images/.hidden.jpg.",
    ]


def test_a_folder_that_cannot_be_listed_is_named_and_fails(folder: Path) -> None:
    (folder / "images/private").mkdir(mode=0)
    with bound_by_permissions():
        done = call_roadmask("ingest", folder, "--dataset", "d", "--dry-run", cwd=folder)
    assert done.returncode == 1
    assert "cannot be listed (Permission denied). Make them readable: images/pri" in done.stdout


def test_masks_that_match_no_image_end_in_an_error(folder: Path) -> None:
    for number, path in enumerate(sorted((folder / "masks").iterdir())):
        path.rename(path.with_name(f"other {number}.png"))
    for option in ("--dry-run", "--json"):
        done = call_roadmask("ingest", folder, "--dataset", "d", option, cwd=folder)
        assert done.returncode == 2
        assert "None of 6 masks" in done.stderr


def test_an_unclear_label_set_is_told_or_named(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        save(path, np.array([[0, 1]], np.uint8))
    arguments = ("ingest", folder, "--dataset", "d", "--dry-run")
    done = call_roadmask(*arguments, cwd=folder)
    assert done.returncode == 2
    assert "0 (6 pixels), 1 (6 pixels) in 6 masks" in done.stderr
    named = call_roadmask(*arguments, "--labels", "camvid11", cwd=folder)
    assert "Masks are read as camvid11 (as told)." in named.stdout
    (folder / "own.json").write_text('{"0": "sky"}')
    own = ("--labels", folder / "own.json")
    assert "1 (6 pixels)" in call_roadmask(*arguments, *own, cwd=folder).stderr
    assert call_roadmask(*arguments, *own, "--unknown", "void", cwd=folder).returncode == 0
