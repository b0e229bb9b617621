from pathlib import Path
from typing import Literal
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.images.image_files import find_images
from roadmask.images.labels.label_option import LabelOption
from roadmask.images.layouts import find_samples, read_folder, read_truth
from roadmask.images.reading import Reading
from tests.harness.privileges import bound_by_permissions
from tests.roadmask.images.test_layouts import MASK, picture, save


def test_images_that_differ_by_case_alone_keep_their_own_masks(tmp_path: Path) -> None:
    for value, name in enumerate(("A", "a", "b"), 1):
        picture(tmp_path / f"images/{name}.png")
        save(tmp_path / f"masks/{name}_mask.png", np.full((2, 4), value, np.uint8))
    if len(find_images(tmp_path / "images")) < 3:
        pytest.skip("The file system does not tell names apart by case.")
    samples = find_samples(tmp_path, Reading(LabelOption("roadmask")))
    truths = {sample.name: int(read_truth(sample).max()) for sample in samples}
    assert truths == {"A": 1, "a": 2, "b": 3}


@pytest.mark.parametrize(("images", "masks"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_match_however_they_are_composed(
    tmp_path: Path, images: Literal["NFC", "NFD"], masks: Literal["NFC", "NFD"]
) -> None:
    # macOS decomposes the names of files.
    for at, of in (("apart/images", "apart/masks"), ("beside", "beside")):
        picture(tmp_path / f"{at}/{normalize(images, 'für')}.png")
        save(tmp_path / f"{of}/{normalize(masks, 'für')}_mask.png", MASK)
        [sample] = find_samples(tmp_path / at.partition("/")[0])
        assert (read_truth(sample) == MASK).all()


def test_a_lossy_mask_fails_alone(tmp_path: Path) -> None:
    for name in ("bad", "good"):
        picture(tmp_path / f"images/{name}.png")
        (tmp_path / "masks").mkdir(exist_ok=True)
    save(tmp_path / "masks/good.png", MASK)
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "masks/bad.avif")
    bad, sample = find_samples(tmp_path)
    assert (read_truth(sample) == MASK).all()
    with pytest.raises(InvalidRequest, match=r"bad\.avif is a lossy AVIF"):
        read_truth(bad)


def test_folders_that_cannot_be_listed_are_named_with_the_cause(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    for name in ("lost+found", ".Trash-0", "a/private", "own"):
        picture(folder / name / "x.jpg")
        (folder / name).chmod(0)
    with bound_by_permissions():
        with pytest.raises(
            InvalidRequest, match=r"no images .* Skipped 2 .* \(Permission denied\)"
        ):
            find_samples(folder)
        with pytest.raises(InvalidRequest, match=r"private cannot be listed: Permission denied"):
            find_samples(folder / "a/private")
        picture(folder / "x.jpg")
        assert read_folder(folder).notes() == [
            "Skipped 2 folders that cannot be listed (Permission denied). Make them readable: "
            "a/private, own."
        ]
