"""The tables of public label sets, against the tools of their owners where these are on PyPI."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from cityscapesscripts.helpers.annotation import Annotation, CsPoly, Point
from cityscapesscripts.helpers.labels import labels as cityscapes
from cityscapesscripts.preparation.createPanopticImgs import convert2panoptic
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from cityscapesscripts.preparation.json2labelImg import createLabelImage
from PIL import Image
from pycocotools.coco import COCO

from roadmask.errors import InvalidRequest
from roadmask.images.labels.annotation import Annotation as Mask
from roadmask.images.labels.choice import choose_labels
from roadmask.images.labels.label_map import LabelMap
from roadmask.images.labels.label_option import LabelOption
from roadmask.images.labels.label_sets import (
    A2D2_COLORS,
    ADE20K,
    CAMVID11_IDS,
    CAMVID32_COLORS,
    COLORS,
    INSTANCE_IDS,
    LABEL_IDS,
    LABEL_SETS,
    MAPILLARY,
    MAPILLARY2,
    ROADMASK,
    TRAIN_IDS,
    VOC,
    label_set,
)
from roadmask.masks.taxonomy import CITYSCAPES


def packed(red: int, green: int, blue: int) -> int:
    return red << 16 | green << 8 | blue


def test_the_ids_are_those_of_cityscapesscripts() -> None:
    for label in cityscapes:
        if label.id >= 0:
            assert LABEL_IDS.ids[label.id] == label.categoryId, label.name
        if 0 <= label.trainId < 255:
            assert TRAIN_IDS.ids[label.trainId] == label.categoryId, label.name
    known = {label.id for label in cityscapes if label.id >= 0}
    assert LABEL_IDS.ids.keys() == known | {255}
    assert TRAIN_IDS.ids.keys() == {*range(19), 255}
    assert LABEL_IDS.ids[255] == TRAIN_IDS.ids[255] == CITYSCAPES.void


def test_the_colours_are_those_of_cityscapesscripts() -> None:
    # The licence plate has the colour of cars.
    expected = {packed(*each.color): each.categoryId for each in cityscapes if each.id >= 0}
    assert expected == COLORS.colors


def test_masks_that_cityscapesscripts_draws_are_read_alike() -> None:
    """One annotation, drawn by the owners' tool as ids, train ids, colours and instances."""
    annotation = Annotation()
    annotation.imgWidth, annotation.imgHeight = 60, 20
    names = ("road", "building", "pole", "vegetation", "sky", "person", "car", "bicycle", "static")
    for number, name in enumerate(names):
        thing = CsPoly()
        corners = ((0, 0), (5, 0), (5, 15), (0, 15))
        thing.polygon = [Point(x + 6 * number, y) for x, y in corners]
        thing.label = name
        annotation.objects.append(thing)
    drawn = {
        LABEL_IDS: createLabelImage(annotation, "ids"),
        TRAIN_IDS: createLabelImage(annotation, "trainIds"),
        COLORS: createLabelImage(annotation, "color"),
        INSTANCE_IDS: createInstanceImage(annotation, "ids"),
    }
    read = []
    for labels, image in drawn.items():
        if image.mode == "I":
            # What Pillow wrote for this mode when the tool was made: 16 bits.
            image = Image.fromarray(np.asarray(image).astype(np.uint16))
        buffer = BytesIO()
        image.save(buffer, "PNG")
        read.append(labels.apply(Mask.read(buffer.getvalue()), labels.name))
    assert [int(read[0][5, 6 * n + 2]) for n in range(len(names))] == [1, 2, 3, 4, 5, 6, 7, 7, 0]
    assert all(np.array_equal(each, read[0]) for each in read)


def test_panoptic_masks_that_cityscapesscripts_makes_are_refused_by_name(tmp_path: Path) -> None:
    annotation = Annotation()
    annotation.imgWidth, annotation.imgHeight = 40, 20
    for number, name in enumerate(("road", "building", "car", "car")):
        thing = CsPoly()
        corners = ((0, 0), (9, 0), (9, 19), (0, 19))
        thing.polygon = [Point(x + 10 * number, y) for x, y in corners]
        thing.label = name
        annotation.objects.append(thing)
    ids = np.asarray(createInstanceImage(annotation, "ids")).astype(np.uint16)
    folder = tmp_path / "gtFine/val/town"
    folder.mkdir(parents=True)
    Image.fromarray(ids).save(folder / "town_000000_000000_gtFine_instanceIds.png")
    out = tmp_path / "out"
    out.mkdir()
    convert2panoptic(str(tmp_path / "gtFine"), str(out), setNames=["val"])
    [mask] = out.rglob("*_panoptic.png")
    with pytest.raises(InvalidRequest, match="Cityscapes panoptic"):
        choose_labels([mask], (), (), void_unknown=False)


def test_masks_that_pycocotools_draws_are_read_with_a_label_file(tmp_path: Path) -> None:
    """Annotations of COCO become one mask of category ids, which a file maps to ours."""
    boxes = {3: (0, 0, 30, 40), 10: (30, 0, 20, 10), 149: (0, 30, 60, 10)}
    shapes = [
        {"id": n, "image_id": 1, "category_id": category, "iscrowd": 0, "area": w * h,
         "bbox": [x, y, w, h], "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}
        for n, (category, (x, y, w, h)) in enumerate(boxes.items(), 1)
    ]  # fmt: skip
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 60, "height": 40}],
        "categories": [{"id": category, "name": str(category)} for category in boxes],
        "annotations": shapes,
    }
    (tmp_path / "stuff.json").write_text(json.dumps(document))
    coco = COCO(str(tmp_path / "stuff.json"))
    drawn = np.zeros((40, 60), np.uint8)
    for each in coco.loadAnns(coco.getAnnIds(imgIds=[1])):
        drawn[coco.annToMask(each) == 1] = each["category_id"]
    Image.fromarray(drawn).save(tmp_path / "a.png")
    meaning = {"0": "void", "3": "vehicle", "10": "object", "149": "flat"}
    (tmp_path / "coco.json").write_text(json.dumps(meaning))
    (labels,) = LabelOption(str(tmp_path / "coco.json")).maps()
    names = np.array(CITYSCAPES.names)
    expected = np.vectorize(lambda label: meaning[str(label)])(drawn)
    assert (names[labels.read(tmp_path / "a.png")] == expected).all()
    assert set(expected.ravel()) == set(meaning.values())


def test_panoptic_masks_of_coco_are_refused_by_name(tmp_path: Path) -> None:
    """Their colours are numbers of segments: red + 256 green + 65536 blue."""
    folder = tmp_path / "panoptic_val2017"
    folder.mkdir()
    numbers = np.repeat([[3226956, 6045845, 8734003]], 8, axis=0)
    colors = np.stack([numbers >> shift & 255 for shift in (0, 8, 16)], axis=2)
    Image.fromarray(colors.astype(np.uint8)).save(folder / "000000000139.png")
    with pytest.raises(InvalidRequest, match="COCO panoptic"):
        choose_labels([folder / "000000000139.png"], (), (), void_unknown=False)


def test_our_colours_mean_in_cityscapes_what_they_mean_here() -> None:
    assert len(ROADMASK.colors) == len(CITYSCAPES)
    for color, category in ROADMASK.colors.items():
        assert COLORS.colors[color] == category


def test_every_one_of_camvids_thirty_two_colours() -> None:
    """The published label table of CamVid, in its order; the category each stands for."""
    table = """64 128 64 void, 192 0 128 construction, 0 128 192 human, 0 128 64 construction,
        128 0 0 construction, 64 0 128 vehicle, 64 0 192 human, 192 128 64 human,
        192 192 128 object, 64 64 128 construction, 128 0 192 flat, 192 0 64 flat,
        128 128 64 object, 192 0 192 vehicle, 128 64 64 vehicle, 64 192 128 flat, 64 64 0 human,
        128 64 128 flat, 128 128 192 flat, 0 0 192 flat, 192 128 128 object, 128 128 128 sky,
        64 128 192 vehicle, 0 0 64 object, 0 64 64 object, 192 64 128 vehicle, 128 128 0 nature,
        192 128 192 vehicle, 64 0 64 construction, 192 192 0 nature, 0 0 0 void,
        64 192 0 construction"""
    rows = [row.split() for row in table.split(",")]
    expected = {packed(*map(int, row[:3])): CITYSCAPES.index(row[3]) for row in rows}
    assert expected == CAMVID32_COLORS.colors
    assert len(expected) == 32
    assert [CAMVID11_IDS.ids[i] for i in range(12)] == [5, 2, 3, 1, 1, 4, 3, 2, 7, 6, 6, 0]


def test_vocs_colours_are_those_of_its_colour_map() -> None:
    """VOC's colour map spreads the bits of an id over its three channels, highest first."""
    for label in (*range(21), 255):
        color = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                color[channel] |= (label >> 3 * bit + channel & 1) << 7 - bit
        assert VOC.colors[packed(*color)] == VOC.ids[label], label


@pytest.mark.parametrize(
    ("labels", "ids", "colors"),
    [
        (MAPILLARY, 66, 66),
        (MAPILLARY2, 124, 98),
        (ADE20K, 151, 0),
        (VOC, 21, 22),
        (A2D2_COLORS, 0, 55),
    ],
    ids=lambda part: getattr(part, "name", ""),
)
def test_no_label_of_a_set_is_forgotten(labels: LabelMap, ids: int, colors: int) -> None:
    assert labels.ids.keys() - {255} == set(range(ids))
    assert len(labels.colors) == colors


@pytest.mark.parametrize(
    ("label", "color", "category"),
    [
        (13, (128, 64, 128), "flat"),
        (15, (244, 35, 232), "flat"),
        (24, (255, 255, 255), "flat"),
        (17, (70, 70, 70), "construction"),
        (2, (196, 196, 196), "flat"),
        (3, (190, 153, 153), "construction"),
        (45, (153, 153, 153), "object"),
        (50, (220, 220, 0), "object"),
        (30, (107, 142, 35), "nature"),
        (27, (70, 130, 180), "sky"),
        (20, (255, 0, 0), "human"),
        (55, (0, 0, 142), "vehicle"),
        (52, (119, 11, 32), "vehicle"),
        (65, (0, 0, 0), "void"),
    ],
)
def test_mapillarys_ids_and_colours_agree(
    label: int, color: tuple[int, int, int], category: str
) -> None:
    assert MAPILLARY.ids[label] == MAPILLARY.colors[packed(*color)] == CITYSCAPES.index(category)


def test_instances_have_the_category_of_their_label() -> None:
    ids = (7, 26, 26000, 26003, 24999)
    assert [INSTANCE_IDS.label_id(value) for value in ids] == [7, 26, 26, 26, 24]


def test_every_name_has_maps_and_another_is_refused() -> None:
    assert all(label_set(name) for name in LABEL_SETS)
    with pytest.raises(InvalidRequest, match="choose from roadmask, cityscapes, cityscapes-ids"):
        label_set("cityscape")
