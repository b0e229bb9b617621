"""All masks of a folder in one document for another tool, under the names of the user's files."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from cvat_sdk.masks import decode_mask as cvat_mask
from PIL import Image
from pycocotools.coco import COCO

from roadmask.folder.reports.document import FolderDocument
from roadmask.folder.results import FileResult
from roadmask.images.layouts import find_samples, read_truth
from roadmask.masks.codec import encode_grey, encode_mask
from tests.harness.api.server import ApiServer
from tests.harness.client.photo_folders import photo, tree
from tests.harness.client.program import call_roadmask
from tests.harness.images.brush_strokes import decode_rle

NAMES = ("a/front.jpg", "a/rear 街.png", "x_leftImg8bit.png")


@pytest.fixture
def results(tmp_path: Path) -> list[FileResult]:
    """Masks of three images: flat, construction, object; one of them has a palette."""
    found = []
    for number, name in enumerate(NAMES, 1):
        mask = f"{name.rpartition('.')[0]}.png"
        (tmp_path / mask).parent.mkdir(exist_ok=True)
        pixels = np.full((2, 3), number, np.uint8)
        encode = encode_mask if number == 1 else encode_grey
        (tmp_path / mask).write_bytes(encode(pixels))
        found.append(FileResult(name, "0" * 64, mask, "own@1", shares={}))
    return found


def test_coco_has_the_users_files(tmp_path: Path, results: list[FileResult]) -> None:
    path = FolderDocument(tmp_path, results).write("coco")
    dataset = COCO(str(path))
    assert [image["file_name"] for image in dataset.imgs.values()] == list(NAMES)
    for number, image in enumerate(dataset.imgs, 1):
        [annotation] = dataset.imgToAnns[image]
        assert (annotation["category_id"], annotation["area"]) == (number, 6)


def test_cvat_has_the_users_files(tmp_path: Path, results: list[FileResult]) -> None:
    root = ElementTree.parse(FolderDocument(tmp_path, results).write("cvat")).getroot()
    assert [image.get("name") for image in root.iter("image")] == list(NAMES)
    for mask in root.iter("mask"):
        points = [*map(int, str(mask.get("rle")).split(",")), 0, 0, 2, 1]
        assert cvat_mask(points, image_width=3, image_height=2).all()


def test_label_studio_has_the_users_files(tmp_path: Path, results: list[FileResult]) -> None:
    tasks = json.loads(FolderDocument(tmp_path, results).write("labelstudio").read_bytes())
    assert [task["data"]["filename"] for task in tasks] == list(NAMES)
    assert tasks[1]["data"]["image"] == "/data/local-files/?d=a/rear%20%E8%A1%97.png"
    for task in tasks:
        [region] = task["predictions"][0]["result"]
        assert set(decode_rle(region["value"]["rle"]).tolist()) == {255}


def test_cityscapes_files_are_read_back(tmp_path: Path, results: list[FileResult]) -> None:
    assert FolderDocument(tmp_path, results).write("cityscapes") == tmp_path / "gtFine"
    for name in NAMES:
        path = tmp_path / "leftImg8bit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(path)
    samples = {sample.filename: sample for sample in find_samples(tmp_path / "leftImg8bit")}
    for number, name in enumerate(NAMES, 1):
        assert (read_truth(samples[name]) == number).all()


def test_no_two_images_share_a_cityscapes_file(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(encode_grey(np.ones((2, 3), np.uint8)))
    long = f"{'l' * 240}.jpg"
    images = ("x.jpg", "x.png", "y.jpg", "y_leftImg8bit.jpg", "z_leftImg8bit.png", long)
    results = [FileResult(name, "0" * 64, "mask.png", "own@1", shares={}) for name in images]
    document = FolderDocument(tmp_path, results)
    written = document.write("cityscapes")
    stems = {"x.jpg", "x.png", "y", "y_leftImg8bit", "z"}
    assert tree(written) == {f"{stem}_gtFine_labelIds.png" for stem in stems}
    assert document.left_out == [long]


def test_a_mask_that_is_gone_leaves_its_image_out(
    tmp_path: Path, results: list[FileResult]
) -> None:
    (tmp_path / str(results[1].mask)).unlink()
    (tmp_path / str(results[2].mask)).write_bytes(b"no mask")
    document = FolderDocument(tmp_path, results)
    images = json.loads(document.write("coco").read_bytes())["images"]
    assert [image["file_name"] for image in images] == [NAMES[0]]
    assert document.left_out == list(NAMES[1:])


@pytest.mark.usefixtures("busy_worker")
def test_the_program_writes_it_beside_the_masks(empty_api: ApiServer, tmp_path: Path) -> None:
    for seed, name in enumerate(("a/1.jpg", "2.png")):
        photo(tmp_path / "photos" / name, seed)
    arguments = ("batch", "photos", "--out", "masks", "--url", empty_api.url, "--format", "coco")
    for _ in range(2):
        done = call_roadmask(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "coco.json (2 images)" in done.stderr
    coco = json.loads((tmp_path / "masks/coco.json").read_bytes())
    assert [image["file_name"] for image in coco["images"]] == ["2.png", "a/1.jpg"]
    with Image.open(tmp_path / "masks/a/1.png") as mask:
        assert mask.mode == "L"
