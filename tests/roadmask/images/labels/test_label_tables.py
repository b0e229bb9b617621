"""The tables of label sets whose owners have no tool on PyPI, against the lists they publish."""

from __future__ import annotations

import re

import pytest

from roadmask.images.labels.label_map import LabelMap
from roadmask.images.labels.label_sets import (
    A2D2_COLORS,
    ADE20K,
    BDD100K_COLORS,
    COLORS,
    COMMA10K_COLORS,
    MAPILLARY,
    MAPILLARY2,
    TRAIN_IDS,
)
from roadmask.masks.taxonomy import CITYSCAPES

MAPILLARY_TWO = """
a52a2a 00c000 faaa1f faaa20 c4c4c4 be9999 b4a5b4 5a7896 faaa21 faaa22 808080 faaa23 66669c
8040ff 8c8cc8 aaaaaa faaa24 faaaa0 faaa25 606060 e6968c 804080 6e6e6e 6e6e6e f423e8 80c480
966464 464646 969696 96785a dc143c dc143c ff0000 ff0064 ff00c8 ffffff ffffff faaa1d faaa1c
faaa1a faaa19 faaa18 faaa16 faaa15 faaa14 ffffff faaa13 faaa12 faaa0c faaa0b ffffff ffffff
faaa10 faaa0f faaa0f ffffff ffffff ffffff ffffff 40aa40 e6a032 4682b4 beffff 98fb98 6b8e23
00aa1e ffff80 fa001e 648cb4 dc8080 de2828 64aa1e 282828 212121 6480a0 1414ff 8e0000 466496
faab1e faac1e faad1e faae1e faaf1e fab01e d2aa64 999999 999999 808080 000050 d23c3c faaa1e
faaa1e faaa1e faaa1e faaa1e faaa1e c0c0c0 c0c0c0 c0c0c0 dcdc00 dcdc00 0000c4 c0c0c0 dcdc00
8c8c14 770b20 9600ff 003c64 00008e 00005a 0000e6 005064 804040 00006e 000046 00008e 0000c0
aaaaaa 202020 6f4a00 780a0a 510051 6f6f00 000000
"""
"""The colours of `config_v2.0.json`, in the order of its ids."""
OF_TWO_LABELS = 0x808080
"""Mapillary 2.0 has it for separators (10) and for frames of traffic signs (87)."""


def colors(table: str) -> dict[int, str]:
    """Colour to category, from rows of a category and its colours."""
    rows = [row.split() for row in table.strip().splitlines()]
    return {int(color, 16): category for category, *found in rows for color in found}


def categories(labels: dict[int, int]) -> dict[int, str]:
    return {label: CITYSCAPES.names[category] for label, category in labels.items()}


def test_mapillary_two_has_124_labels_whose_ids_and_colours_agree() -> None:
    published = [int(color, 16) for color in re.findall(r"\w{6}", MAPILLARY_TWO)]
    assert len(published) == 124
    assert set(MAPILLARY2.ids) == {*range(124), 255}
    assert MAPILLARY2.colors.keys() == set(published) - {OF_TWO_LABELS}
    for label, color in enumerate(published):
        if color != OF_TWO_LABELS:
            assert MAPILLARY2.ids[label] == MAPILLARY2.colors[color], label
    assert categories({n: MAPILLARY2.ids[n] for n in (10, 87)}) == {
        10: "construction",
        87: "object",
    }


@pytest.mark.parametrize(
    ("label", "category"),
    [
        (0, "void"),  # animal--bird
        (4, "flat"),  # construction--barrier--curb
        (12, "construction"),  # construction--barrier--wall
        (21, "flat"),  # construction--flat--road
        (27, "construction"),  # construction--structure--building
        (31, "human"),  # human--person--person-group
        (45, "flat"),  # marking--discrete--crosswalk-zebra
        (61, "sky"),  # nature--sky
        (64, "nature"),  # nature--vegetation
        (65, "void"),  # nature--water
        (74, "flat"),  # object--manhole
        (85, "object"),  # object--support--pole
        (95, "object"),  # object--traffic-light--other
        (104, "object"),  # object--trash-can
        (105, "vehicle"),  # object--vehicle--bicycle
        (116, "vehicle"),  # object--vehicle--wheeled-slow
        (118, "void"),  # void--car-mount
    ],
)
def test_labels_of_mapillary_two(label: int, category: str) -> None:
    assert CITYSCAPES.names[MAPILLARY2.ids[label]] == category


def test_both_versions_of_mapillary_mean_the_same_by_a_colour() -> None:
    for color in MAPILLARY.colors.keys() & MAPILLARY2.colors.keys():
        assert MAPILLARY.colors[color] == MAPILLARY2.colors[color], f"{color:06x}"


def test_bdd100k_has_the_colours_of_its_own_toolkit() -> None:
    """Category and colours of `bdd100k/label/label.py`; of train ids, those of Cityscapes."""
    published = colors("""
        void 000000 6f4a00 510051
        flat faaaa0 e6968c 804080 f423e8
        construction 966464 464646 be9999 b464b4 b4a5b4 96785a 66669c
        object faaa64 dcdcfa ffa500 999999 dcdc64 ff4600 dcdcdc faaa1e dcdc00 faaafa
        nature 98fb98 6b8e23
        sky 4682b4
        human dc143c ff0000
        vehicle 770b20 003c64 00008e 00005a 0000e6 00006e 005064 000046
    """)
    found = categories(dict(BDD100K_COLORS.colors))
    assert found.items() >= published.items()
    assert found.keys() - published.keys() <= COLORS.colors.keys()
    names = "flat flat construction construction construction object object object nature nature"
    more = "sky human human vehicle vehicle vehicle vehicle vehicle vehicle"
    assert [CITYSCAPES.names[TRAIN_IDS.ids[n]] for n in range(19)] == f"{names} {more}".split()


def test_a2d2_has_the_55_colours_of_its_class_list() -> None:
    """`class_list.json`: cars, bicycles, pedestrians, trucks, small vehicles and so on."""
    published = colors("""
        vehicle ff0000 c80000 960000 800000 b65906 963204 5a1e01 5a1e1e
        human cc99ff bd499b ef59bf
        vehicle ff8000 c88000 968000 00ff00 00c800 009600
        object 0080ff 1e1c9e 3c1c64 00ffff 1edcdc 3c9dc7
        vehicle ffff00 ffffc8
        construction e96400
        flat 6e6e00 808000 ffc125
        object 400040 b97a57
        vehicle 000064
        flat 8b636c d23273
        object ff0080 fff68f
        flat 960096
        void ccff99
        construction eea2ad
        object 212cb1
        flat b432b4
        object ff46b9
        flat eee9bf
        nature 93fdc2
        flat 9696c8 b496c8
        void 48d1cc
        flat c87dd2
        object 9f79ee
        flat 8000ff ff00ff
        sky 87ceff
        construction f1e6ff
        void 60458f 352e52
    """)
    assert len(published) == 55
    assert categories(dict(A2D2_COLORS.colors)) == published


def test_comma10k_has_the_six_colours_of_its_description() -> None:
    published = colors("""
        flat 402020 ff0000
        void 808060 cc00ff
        vehicle 00ff66
        human 00ccff
    """)
    found = categories(dict(COMMA10K_COLORS.colors))
    assert found == published | {0: "void"}


@pytest.mark.parametrize(
    ("category", "labels"),
    [
        # wall, building, window, house, fence, railing, column, skyscraper, grandstand, stairs,
        # stairway, bridge, hovel, tower, awning, booth, bannister, canopy, step, pier
        ("construction", (1, 2, 9, 26, 33, 39, 43, 49, 52, 54, 60, 62, 80, 85, 87, 89, 96, 107)),
        ("construction", (122, 141)),
        # road, sidewalk, path, runway, dirt track
        ("flat", (7, 12, 53, 55, 92)),
        # signboard, bench, light, streetlight, pole, poster, trade name, traffic light, ashcan,
        # bulletin board, flag
        ("object", (44, 70, 83, 88, 94, 101, 124, 137, 139, 145, 150)),
        # tree, grass, earth, mountain, plant, field, rock, sand, flower, hill, palm, land
        ("nature", (5, 10, 14, 17, 18, 30, 35, 47, 67, 69, 73, 95)),
        ("sky", (3,)),
        ("human", (13,)),
        # car, boat, bus, truck, airplane, van, ship, minibike, bicycle
        ("vehicle", (21, 77, 81, 84, 91, 103, 104, 117, 128)),
        # none, floor, ceiling, bed, water, sea, mirror, river, animal, lake
        ("void", (0, 4, 6, 8, 22, 27, 28, 61, 127, 129)),
    ],
)
def test_what_is_in_streets_of_ade20ks_150_labels(category: str, labels: tuple[int, ...]) -> None:
    """`objectInfo150`, whose names are in the comments."""
    assert {CITYSCAPES.names[ADE20K.ids[label]] for label in labels} == {category}


@pytest.mark.parametrize("labels", [MAPILLARY, MAPILLARY2, ADE20K, TRAIN_IDS])
def test_ids_that_no_one_uses_are_void(labels: LabelMap) -> None:
    assert labels.ids[255] == CITYSCAPES.void
