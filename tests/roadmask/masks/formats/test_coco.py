"""COCO's own library reads what we write, and would have written the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as mask_api
from pycocotools.coco import COCO

from roadmask.masks.formats import coco
from roadmask.masks.formats.coco import coco_dataset, encode_rle
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.taxonomy import CITYSCAPES
from tests.roadmask.masks.formats.masks import MASKS, masked, noise


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (61, 83), (300, 400)])
def test_run_lengths_equal_those_of_pycocotools(shape: tuple[int, int]) -> None:
    mask = noise(shape)
    mask[: shape[0] // 2] = 5  # long runs as well as short ones
    encoded = encode_rle(mask)
    assert {CITYSCAPES.index(rle["category"]) for rle in encoded} == set(np.unique(mask).tolist())
    for rle in encoded:
        pixels = np.asfortranarray((mask == CITYSCAPES.index(rle["category"])).astype(np.uint8))
        expected = mask_api.encode(pixels)
        assert rle["size"] == expected["size"]
        assert rle["counts"] == expected["counts"].decode()


def test_a_dataset_gives_every_mask_back(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_bytes(b"".join(coco_dataset(masked(m, i) for i, m in enumerate(MASKS))))
    dataset = COCO(str(file))
    assert [c["name"] for c in dataset.loadCats(dataset.getCatIds())] == list(CITYSCAPES.names[1:])
    assert len(dataset.anns) == len(dataset.dataset["annotations"]), "annotation ids are unique"
    for index, mask in enumerate(MASKS):
        [image] = dataset.loadImgs([index + 1])
        assert image["file_name"] == f"streets/{index:02}"
        assert (image["height"], image["width"]) == mask.shape
        assert np.array_equal(painted(dataset, index + 1, mask.shape), mask)


def test_areas_and_boxes_are_those_of_pycocotools(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_bytes(b"".join(coco_dataset([masked(MASKS[3])])))
    for annotation in COCO(str(file)).anns.values():
        assert annotation["area"] == mask_api.area(annotation["segmentation"])
        assert annotation["bbox"] == mask_api.toBbox(annotation["segmentation"]).tolist()


def test_a_dataset_of_nothing_is_one() -> None:
    dataset = json.loads(b"".join(coco_dataset([])))
    assert (dataset["images"], dataset["annotations"]) == ([], [])


def test_images_are_asked_for_one_by_one_and_their_list_waits_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coco, "SPOOL", 100)
    asked: list[int] = []

    def images() -> Iterator[MaskedImage]:
        for index in range(50):
            asked.append(index)
            yield masked(MASKS[4], index)

    blocks = coco_dataset(images())
    head, first = next(blocks), next(blocks)
    assert asked == [0]
    assert len(json.loads(head + first + b"".join(blocks))["images"]) == 50


def painted(dataset: COCO, image: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for annotation in dataset.imgToAnns[image]:
        mask[dataset.annToMask(annotation) == 1] = annotation["category_id"]
    return mask
