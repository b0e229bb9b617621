"""The label map of a folder: found from all masks, told, or refused with labels and counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadmask.errors import InvalidRequest
from roadmask.images.labels.choice import LabelChoice, choose_labels
from roadmask.images.labels.label_file import read_cvat_file, read_label_file
from roadmask.images.labels.label_option import LabelOption
from roadmask.images.labels.label_sets import LABEL_SETS, MAPILLARY, MAPILLARY2, TRAIN_IDS, VOC
from roadmask.masks.codec import colorize, encode_mask
from roadmask.masks.taxonomy import CITYSCAPES

OURS = np.arange(1, 8, dtype=np.uint8)[None]


def grey(*values: int, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.array([values], dtype))


def rgb(*colors: int) -> Image.Image:
    channels = [[color >> 16, color >> 8 & 255, color & 255] for color in colors]
    return Image.fromarray(np.array([channels], np.uint8))


def palette(values: Sequence[int], colors: Sequence[int]) -> Image.Image:
    image = grey(*values).convert("P")
    image.putpalette([part for c in colors for part in (c >> 16, c >> 8 & 255, c & 255)])
    image.putdata(list(values))
    return image


def voc_color(label: int) -> int:
    return next(c for c in VOC.colors if VOC.colors[c] is not None and _voc(c) == label)


def _voc(color: int) -> int:
    label = 0
    for bit in range(8):
        for channel in range(3):
            label |= (color >> (16 - 8 * channel) >> (7 - bit) & 1) << 3 * bit + channel
    return label


def chosen(
    folder: Path,
    *masks: Image.Image,
    labels: str | None = None,
    expected: str | None = None,
    void_unknown: bool = False,
) -> LabelChoice:
    paths = []
    for number, mask in enumerate(masks):
        paths.append(folder / f"{number}.png")
        mask.save(paths[-1])
    given = LabelOption(labels).maps()
    return choose_labels(
        paths, given, LABEL_SETS.get(expected or "", ()), void_unknown=void_unknown
    )


def read(folder: Path, choice: LabelChoice, number: int = 0) -> list[int]:
    return choice.labels.read(folder / f"{number}.png").ravel().tolist()


ALL_TRAIN_IDS = (*range(19), 255)


@pytest.mark.parametrize(
    ("masks", "name"),
    [
        ([grey(0, 1, 2, 3, 4, 5, 6, 7)], "roadmask"),
        ([grey(1, 2, 4), grey(7, 255, 1, 1)], "roadmask"),
        ([grey(*ALL_TRAIN_IDS)], "cityscapes-trainids"),
        ([grey(0, 0, 1, 2), grey(8, 10, 13), grey(18, 255)], "cityscapes-trainids"),
        ([grey(*range(34))], "cityscapes-ids"),
        ([grey(1, 3, 7, 8, 11), grey(21, 23, 26)], "cityscapes-ids"),
        ([grey(*range(12))], "camvid11"),
        ([grey(*range(66))], "mapillary-1.2"),
        ([grey(*range(124))], "mapillary-2.0"),
        ([grey(7, 23, 26001, 24003, dtype=np.uint16)], "cityscapes-instanceids"),
        ([grey(7 * 256, 23 * 256, 26 * 256 + 3, dtype=np.uint16)], "kitti-instances"),
        ([Image.fromarray(colorize(OURS))], "roadmask"),
        ([Image.fromarray(colorize(OURS)).convert("RGBA")], "roadmask"),
        ([rgb(0x804080, 0xF423E8, 0x464646, 0x6B8E23)], "cityscapes-colors"),
        ([rgb(0x800000, 0x808000, 0x404080), rgb(0x400080)], "camvid32"),
        ([rgb(*MAPILLARY.colors)], "mapillary-1.2"),
        ([rgb(*MAPILLARY2.colors)], "mapillary-2.0"),
        ([rgb(0x402020, 0xFF0000, 0x808060, 0x00FF66, 0xCC00FF)], "comma10k"),
        ([rgb(0xFF00FF, 0xF1E6FF, 0x87CEFF, 0xB496C8)], "a2d2"),
        ([palette([0, 1, 2], [0x00008E, 0x804080, 0x6B8E23])], "roadmask"),
        ([palette(range(66), list(MAPILLARY.colors))], "mapillary-1.2"),
        ([grey(0, 1, 2, 3, 4, 5, 6, 7).convert("RGB")], "roadmask"),
        ([grey(0, 1, 2, 4, 7, 7, 7, 7), Image.fromarray(colorize(OURS))], "roadmask"),
    ],
)
def test_the_map_is_found_from_all_masks(
    tmp_path: Path, masks: list[Image.Image], name: str
) -> None:
    choice = chosen(tmp_path, *masks)
    assert choice.labels.name == name
    assert "found from all" in str(choice)
    for number in range(len(masks)):
        read(tmp_path, choice, number)


def test_a_palette_in_another_order_is_read_by_its_colours(tmp_path: Path) -> None:
    order = [7, 3, 0, 5, 1, 2, 6, 4]
    colors = [int.from_bytes(bytes(CITYSCAPES.categories[c].color)) for c in order]
    choice = chosen(tmp_path, palette(range(8), colors))
    assert read(tmp_path, choice) == order


def test_our_own_masks_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(encode_mask(np.array([[0, 1]], np.uint8)))
    choice = choose_labels([tmp_path / "0.png"], (), (), void_unknown=False)
    assert (choice.labels.name, read(tmp_path, choice)) == ("roadmask", [0, 1])


@pytest.mark.parametrize(
    "masks",
    [
        [grey(0, 1)],  # a mask of the road
        [grey(0, 255)],  # Label Studio
        [grey(0, 1, 2)],  # BDD100K's drivable area
        [grey(0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0)],  # train ids, or VOC, below 8
        [grey(0, 1, 2, 5, 8, 10)],  # train ids, or CamVid
        [grey(0, 3, 9)],
        [grey(0, 120, 150)],  # ADE20K
        [grey(0, 1).convert("1")],
        [palette(range(8), [voc_color(label) for label in range(8)])],  # a generic palette
        [rgb(0x000000, 0x808080, 0xC08080)],  # CamVid's sky and signs, or VOC's cars and persons
    ],
)
def test_what_is_not_clear_is_refused_with_labels_and_counts(
    tmp_path: Path, masks: list[Image.Image]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chosen(tmp_path, *masks)
    assert "--labels" in caught.value.detail
    assert "pixels" in caught.value.detail


def test_unknown_labels_refuse_the_folder_with_their_counts(tmp_path: Path) -> None:
    known = Image.fromarray(colorize(OURS))
    with pytest.raises(InvalidRequest, match=r"#010203 \(2 pixels\), #040506 \(1 pixels\)"):
        chosen(tmp_path, known, rgb(0x010203, 0x010203), rgb(0x040506, 0x804080))
    choice = chosen(
        tmp_path, known, rgb(0x010203, 0x010203), rgb(0x040506, 0x804080), void_unknown=True
    )
    assert read(tmp_path, choice, 2) == [0, 1]
    with pytest.raises(InvalidRequest, match=r"19 \(1 pixels\), 77 \(1 pixels\)"):
        chosen(tmp_path, grey(0, 19, 77), labels="cityscapes-trainids")
    choice = chosen(tmp_path, grey(0, 19, 77), labels="cityscapes-trainids", void_unknown=True)
    assert read(tmp_path, choice) == [1, 0, 0]


def test_a_mask_that_changed_later_is_refused_when_it_is_read(tmp_path: Path) -> None:
    choice = chosen(tmp_path, grey(*ALL_TRAIN_IDS))
    grey(0, 77, 300, dtype=np.uint16).save(tmp_path / "0.png")
    with pytest.raises(InvalidRequest, match=r"77 \(1 pixels\), 300 \(1 pixels\)"):
        read(tmp_path, choice)


def test_a_name_says_what_masks_cannot(tmp_path: Path) -> None:
    assert read(tmp_path, chosen(tmp_path, grey(0, 1), labels="roadmask")) == [0, 1]
    assert read(tmp_path, chosen(tmp_path, grey(0, 15, 255), labels="voc")) == [0, 6, 0]
    ade = chosen(tmp_path, grey(0, 7, 2, 137, 5, 3, 13, 21), labels="ade20k-street")
    assert read(tmp_path, ade) == list(range(8))
    colors = [voc_color(label) for label in range(21)]
    for named in (palette([0, 7, 15], colors), rgb(0, colors[7], colors[15])):
        assert read(tmp_path, chosen(tmp_path, named, labels="voc")) == [0, 7, 6]
    by_index = palette([0, 13], [0x123456] * 14)
    assert read(tmp_path, chosen(tmp_path, by_index, labels="cityscapes-trainids")) == [1, 7]


def test_a_name_of_several_maps_is_the_one_that_fits(tmp_path: Path) -> None:
    for mask, name in (
        (grey(*ALL_TRAIN_IDS), "cityscapes-trainids"),
        (grey(*range(34)), "cityscapes-ids"),
        (rgb(0x804080, 0xF423E8), "cityscapes-colors"),
        (grey(7, 26001, dtype=np.uint16), "cityscapes-instanceids"),
    ):
        assert chosen(tmp_path, mask, labels="cityscapes").labels.name == name
    with pytest.raises(InvalidRequest, match="cityscapes-ids and cityscapes-trainids"):
        chosen(tmp_path, grey(0, 5, 18), labels="cityscapes")
    with pytest.raises(InvalidRequest, match="have ids, which comma10k"):
        chosen(tmp_path, grey(0, 5, 18), labels="comma10k")


def test_the_layout_is_believed_only_as_far_as_the_masks_agree(tmp_path: Path) -> None:
    assert chosen(tmp_path, grey(0, 2), expected="bdd100k").labels == TRAIN_IDS
    with pytest.raises(InvalidRequest, match="those of cityscapes-trainids"):
        chosen(tmp_path, grey(0, 1, 2, 8, 10, 13), expected="cityscapes-ids")
    ours = chosen(tmp_path, Image.fromarray(colorize(OURS)), expected="camvid11")
    assert ours.labels.name == "roadmask"


@pytest.mark.parametrize(
    ("name", "mask", "kind"),
    [
        ("x_gtFine_panoptic.png", rgb(7, 0xA0650, 0xA16500, 0x516500), "panoptic"),
        ("panoptic_val2017/000000000139.png", rgb(0x3A2B5C, 0x8F11AA, 0x77EE21), "COCO panoptic"),
    ],
)
def test_panoptic_masks_are_refused_by_name(
    tmp_path: Path, name: str, mask: Image.Image, kind: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    mask.save(tmp_path / name)
    with pytest.raises(InvalidRequest, match=kind):
        choose_labels([tmp_path / name], (), (), void_unknown=False)


def test_files_that_are_no_masks_fail_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    Image.fromarray(noise[..., 0]).save(tmp_path / "mask.jpg")
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.fromarray(colorize(OURS)).save(tmp_path / "good.png")
    bad = [tmp_path / name for name in ("photo.png", "mask.jpg", "broken.png")]
    choice = choose_labels([*bad, tmp_path / "good.png"], (), (), void_unknown=False)
    assert choice.labels.name == "roadmask"
    for path, reason in zip(bad, ("colours", "JPEG", "cannot be read"), strict=True):
        with pytest.raises(InvalidRequest, match=reason):
            choice.labels.read(path)
        alone = choose_labels([path], (), (), void_unknown=False)
        assert "none of 1 masks can be read" in str(alone)


def test_a_file_maps_ids_and_colours(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"1": "flat", "2": 7, "#ff0000": "human", "0, 0, 255": "sky"}))
    labels = read_label_file(file)
    assert (labels.ids, labels.colors) == ({1: 1, 2: 7}, {0xFF0000: 6, 0x0000FF: 5})
    choice = chosen(tmp_path, grey(1, 2, 1), labels=str(file))
    assert (choice.labels.name, read(tmp_path, choice)) == ("labels.json", [1, 7, 1])
    choice = chosen(tmp_path, rgb(0xFF0000, 0x0000FF), labels=str(file))
    assert read(tmp_path, choice) == [6, 5]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"),
        ("[]", "not an object"),
        ('{"1": "road"}', "'road' is not a category"),
        ('{"1": 8}', "'8' is not a category"),
        ('{"road": "flat"}', "'road' in the label map"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "labels.json"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=reason):
        LabelOption(str(file)).maps()
    with pytest.raises(InvalidRequest, match="cannot be read"):
        LabelOption("missing.json").maps()


def test_cvats_file_has_labels_by_name(tmp_path: Path) -> None:
    file = tmp_path / "labelmap.txt"
    head = "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
    file.write_text(f"{head}road:10,20,30::\nTraffic Sign:1,2,3::\nvehicle:4,5,6:a,b:\n")
    assert read_cvat_file(file).colors == {0: 0, 0x0A141E: 1, 0x010203: 3, 0x040506: 7}
    file.write_text(f"{head}zebra:10,20,30::\n")
    with pytest.raises(InvalidRequest, match="has the label 'zebra'"):
        read_cvat_file(file)
