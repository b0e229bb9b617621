"""Label sets: the public label sets that are read by name, and the categories of their labels.

Each table has a line for each category, with the ids or colours of its labels. Sources: the label
tables that the owners of the data publish with them (Cityscapes, CamVid, Mapillary Vistas 1.2 and
2.0, BDD100K, PASCAL VOC 2012, ADE20K's scene parsing benchmark, comma10k, A2D2). KITTI uses the
labels of Cityscapes, BDD100K its train ids and most of its colours. Labels that are in no street,
such as VOC's sheep or ADE20K's beds, are void.
"""

from __future__ import annotations

from roadmask.errors import InvalidRequest
from roadmask.images.labels.label_map import LabelMap
from roadmask.masks.taxonomy import CITYSCAPES

CITYSCAPES_IDS = """
void          0-6 255
flat          7-10
construction  11-16
object        17-20
nature        21 22
sky           23
human         24 25
vehicle       26-33
"""
CITYSCAPES_TRAINIDS = """
void          255
flat          0 1
construction  2-4
object        5-7
nature        8 9
sky           10
human         11 12
vehicle       13-18
"""
CITYSCAPES_COLORS = """
void          #000000 #6f4a00 #510051
flat          #804080 #f423e8 #faaaa0 #e6968c
construction  #464646 #66669c #be9999 #b4a5b4 #966464 #96785a
object        #999999 #faaa1e #dcdc00
nature        #6b8e23 #98fb98
sky           #4682b4
human         #dc143c #ff0000
vehicle       #00008e #000046 #003c64 #00005a #00006e #005064 #0000e6 #770b20
"""
# BDD100K's colours beside those of Cityscapes. Its parking sign has the colour of persons.
BDD100K_MORE = """
construction  #b464b4
object        #faaa64 #dcdcfa #ffa500 #dcdc64 #ff4600 #dcdcdc #faaafa
"""
CAMVID11 = """
void          11 255
flat          3 4
construction  1 7
object        2 6
nature        5
sky           0
human         9 10
vehicle       8
"""
# CamVid's Bicyclist (#0080c0) includes the bicycle. Its Animal (#408040) and Void are void.
CAMVID32 = """
void          #000000 #408040
flat          #804080 #8000c0 #c00040 #8080c0 #40c080 #0000c0
construction  #800000 #40c000 #404080 #c00080 #008040 #400040
object        #c0c080 #c08080 #004040 #000040 #808040
nature        #808000 #c0c000
sky           #808080
human         #404000 #c08040 #4000c0 #0080c0
vehicle       #400080 #4080c0 #c080c0 #c04080 #c000c0 #804040
"""
# Animals and water are void. Manholes, catch basins and potholes are part of the road, curbs of the
# sidewalk, as in Cityscapes.
MAPILLARY_IDS = """
void          0 1 31 63-65 255
flat          2 7-15 23 24 36 41 43
construction  3-6 16-18
object        32-35 37-40 42 44-51
nature        25 26 28-30
sky           27
human         19-22
vehicle       52-62
"""
MAPILLARY_COLORS = """
void          #a52a2a #00c000 #00aa1e #202020 #780a0a #000000
flat          #8040ff #8c8cc8 #aaaaaa #faaaa0 #606060 #e6968c #804080 #6e6e6e #f423e8 #c88080
flat          #ffffff #dc8080 #6480a0 #466496 #c4c4c4
construction  #be9999 #b4a5b4 #5a7896 #66669c #966464 #464646 #96785a
object        #ffff80 #fa001e #648cb4 #dcdcdc #de2828 #64aa1e #282828 #212121 #8e0000 #d2aa64
object        #999999 #808080 #000050 #faaa1e #c0c0c0 #dcdc00 #8c8c14
nature        #40aa40 #e6a032 #beffff #98fb98 #6b8e23
sky           #4682b4
human         #dc143c #ff0000 #ff0064 #ff00c8
vehicle       #770b20 #9600ff #003c64 #00008e #00005a #0000e6 #005064 #804040 #00006e #000046
vehicle       #0000c0
"""
MAPILLARY2_IDS = """
void          0 1 65 118-123 255
flat          4 13-25 35-58 69 74 77 117
construction  2 3 5-12 26-29
object        66-68 70-73 75 76 78-104
nature        59 60 62-64
sky           61
human         30-34
vehicle       105-116
"""
# Lane separators and frames of traffic signs have one colour, which is left out: masks with a
# palette that has it are read by their ids, others are refused.
MAPILLARY2_COLORS = """
void          #a52a2a #00c000 #00aa1e #202020 #6f4a00 #780a0a #510051 #6f6f00 #000000
flat          #c4c4c4 #8040ff #8c8cc8 #aaaaaa #faaa24 #faaaa0 #faaa25 #606060 #e6968c #804080
flat          #6e6e6e #f423e8 #80c480 #ffffff #faaa1d #faaa1c #faaa1a #faaa19 #faaa18 #faaa16
flat          #faaa15 #faaa14 #faaa13 #faaa12 #faaa0c #faaa0b #faaa10 #faaa0f #dc8080 #6480a0
flat          #466496
construction  #faaa1f #faaa20 #be9999 #b4a5b4 #5a7896 #faaa21 #faaa22 #faaa23 #66669c #966464
construction  #464646 #969696 #96785a
object        #ffff80 #fa001e #648cb4 #de2828 #64aa1e #282828 #212121 #1414ff #8e0000 #faab1e
object        #faac1e #faad1e #faae1e #faaf1e #fab01e #d2aa64 #999999 #000050 #d23c3c #faaa1e
object        #c0c0c0 #dcdc00 #0000c4 #8c8c14
nature        #40aa40 #e6a032 #beffff #98fb98 #6b8e23
sky           #4682b4
human         #dc143c #ff0000 #ff0064 #ff00c8
vehicle       #770b20 #9600ff #003c64 #00008e #00005a #0000e6 #005064 #804040 #00006e #000046
vehicle       #0000c0
"""
VOC_IDS = """
void          0 3 5 8-13 16-18 20 255
human         15
vehicle       1 2 4 6 7 14 19
"""
VOC_COLORS = """
void          #000000 #808000 #800080 #400000 #c00000 #408000 #c08000 #400080 #c00080
void          #004000 #804000 #00c000 #004080 #e0e0c0
human         #c08080
vehicle       #800000 #008000 #000080 #008080 #808080 #408080 #80c000
"""
# Water and what is indoors are void.
ADE20K_IDS = """
void          0 4 6 8 11 16 19 20 22-25 27-29 31 32 34 36-38 40-42 45 46 48 50 51 56-59 61 63-66
void          68 71 72 74-76 78 79 82 86 90 93 97-100 102 105 106 108-116 118-121 123 125-127
void          129-136 138 140 142-144 146-149 255
flat          7 12 53 55 92
construction  1 2 9 15 26 33 39 43 49 52 54 60 62 80 85 87 89 96 107 122 141
object        44 70 83 88 94 101 124 137 139 145 150
nature        5 10 14 17 18 30 35 47 67 69 73 95
sky           3
human         13
vehicle       21 77 81 84 91 103 104 117 128
"""
# What comma10k calls undrivable is buildings, trees and sky at once: void. Its movable things are
# vehicles, and now and then a person. The recording car is void, as in Cityscapes; its driver
# camera also shows people in it.
COMMA10K = """
void          #808060 #cc00ff #000000
flat          #402020 #ff0000
vehicle       #00ff66
"""
COMMA10K_INNER = "human         #00ccff"
A2D2 = """
void          #ccff99 #48d1cc #60458f #352e52
flat          #6e6e00 #808000 #ffc125 #8b636c #d23273 #960096 #b432b4 #eee9bf #9696c8 #b496c8
flat          #c87dd2 #8000ff #ff00ff
construction  #e96400 #eea2ad #f1e6ff
object        #0080ff #1e1c9e #3c1c64 #00ffff #1edcdc #3c9dc7 #400040 #b97a57 #ff0080 #fff68f
object        #212cb1 #ff46b9 #9f79ee
nature        #93fdc2
sky           #87ceff
human         #cc99ff #bd499b #ef59bf
vehicle       #ff0000 #c80000 #960000 #800000 #b65906 #963204 #5a1e01 #5a1e1e #ff8000 #c88000
vehicle       #968000 #00ff00 #00c800 #009600 #ffff00 #ffffc8 #000064
"""


def _labels(table: str) -> dict[int, int]:
    """Id or colour to category, of a table in the notation above."""
    labels: dict[int, int] = {}
    for line in table.strip().splitlines():
        category, *words = line.split()
        for word in words:
            if word.startswith("#"):
                labels[int(word[1:], 16)] = CITYSCAPES.index(category)
                continue
            first, _, last = word.partition("-")
            for label in range(int(first), int(last or first) + 1):
                labels[label] = CITYSCAPES.index(category)
    return labels


_OWN_IDS = {category.index: category.index for category in CITYSCAPES.categories}
_OWN_COLORS = {
    category.color[0] << 16 | category.color[1] << 8 | category.color[2]: category.index
    for category in CITYSCAPES.categories
}

ROADMASK = LabelMap(
    "roadmask", _OWN_IDS | {255: CITYSCAPES.void}, _OWN_COLORS, frozenset((1, 2, 4, 7))
)
LABEL_IDS = LabelMap("cityscapes-ids", _labels(CITYSCAPES_IDS), usual=frozenset((7, 11, 21, 26)))
TRAIN_IDS = LabelMap(
    "cityscapes-trainids", _labels(CITYSCAPES_TRAINIDS), usual=frozenset((0, 2, 8, 13))
)
COLORS = LabelMap("cityscapes-colors", colors=_labels(CITYSCAPES_COLORS))
INSTANCE_IDS = LabelMap(
    "cityscapes-instanceids", _labels(CITYSCAPES_IDS), step=1000, objects_from=24_000
)
KITTI_INSTANCES = LabelMap("kitti-instances", _labels(CITYSCAPES_IDS), step=256, objects_from=256)
CAMVID11_IDS = LabelMap("camvid11", _labels(CAMVID11), usual=frozenset((1, 3, 5, 8)))
CAMVID32_COLORS = LabelMap("camvid32", colors=_labels(CAMVID32))
BDD100K_COLORS = LabelMap("bdd100k", colors=_labels(CITYSCAPES_COLORS) | _labels(BDD100K_MORE))
MAPILLARY = LabelMap(
    "mapillary-1.2", _labels(MAPILLARY_IDS), _labels(MAPILLARY_COLORS), frozenset((13, 17, 30, 55))
)
MAPILLARY2 = LabelMap(
    "mapillary-2.0",
    _labels(MAPILLARY2_IDS),
    _labels(MAPILLARY2_COLORS),
    frozenset((21, 27, 64, 108)),
)
VOC = LabelMap("voc", _labels(VOC_IDS), _labels(VOC_COLORS))
ADE20K = LabelMap("ade20k-street", _labels(ADE20K_IDS))
COMMA10K_COLORS = LabelMap("comma10k", colors=_labels(COMMA10K + COMMA10K_INNER))
A2D2_COLORS = LabelMap("a2d2", colors=_labels(A2D2))

LABEL_SETS: dict[str, tuple[LabelMap, ...]] = {
    "roadmask": (ROADMASK,),
    "cityscapes": (LABEL_IDS, TRAIN_IDS, COLORS, INSTANCE_IDS),
    "cityscapes-ids": (LABEL_IDS,),
    "cityscapes-trainids": (TRAIN_IDS,),
    "cityscapes-colors": (COLORS,),
    "cityscapes-instanceids": (INSTANCE_IDS,),
    "camvid11": (CAMVID11_IDS,),
    "camvid32": (CAMVID32_COLORS,),
    "kitti": (LABEL_IDS, COLORS, KITTI_INSTANCES),
    "bdd100k": (TRAIN_IDS, BDD100K_COLORS),
    "mapillary": (MAPILLARY, MAPILLARY2),
    "mapillary-1.2": (MAPILLARY,),
    "mapillary-2.0": (MAPILLARY2,),
    "voc": (VOC,),
    "ade20k-street": (ADE20K,),
    "comma10k": (COMMA10K_COLORS,),
    "a2d2": (A2D2_COLORS,),
}
"""The label maps of each name. A name with several is one of them by what the masks show."""

FOUND_BY_IDS = (ROADMASK, LABEL_IDS, TRAIN_IDS, CAMVID11_IDS, MAPILLARY, MAPILLARY2)
FOUND_BY_COLORS = (
    *(ROADMASK, COLORS, BDD100K_COLORS, CAMVID32_COLORS, MAPILLARY, MAPILLARY2),
    *(COMMA10K_COLORS, A2D2_COLORS),
)
FOUND_BY_INSTANCES = (INSTANCE_IDS, KITTI_INSTANCES)
"""The maps that are looked for in masks of an unknown label set. VOC and ADE20K are no label sets
of streets; they are read by name, or in a folder of their own layout."""


def label_set(name: str) -> tuple[LabelMap, ...]:
    """The label maps of a name. Raises `InvalidRequest` for another one."""
    if name not in LABEL_SETS:
        raise InvalidRequest(
            f"{name!r} is not a label set; choose from {', '.join(LABEL_SETS)}, or name a JSON "
            "file."
        )
    return LABEL_SETS[name]
