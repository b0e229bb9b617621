"""Label files: label maps that users write, as JSON, and CVAT's `labelmap.txt`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from roadmask.errors import InvalidRequest, UnknownCategory
from roadmask.images.labels.label_map import LabelMap
from roadmask.masks.taxonomy import CITYSCAPES

CVAT_FILE = "labelmap.txt"
"""What CVAT puts beside the masks of its export `Segmentation mask`."""
OTHER_NAMES = {
    "flat": "road sidewalk parking rail_track pavement lane lane_marking",
    "construction": "building wall fence guard_rail bridge tunnel",
    "object": "pole polegroup traffic_light traffic_sign trafficlight trafficsign sign",
    "nature": "vegetation terrain tree grass",
    "human": "person pedestrian rider bicyclist",
    "vehicle": "car truck bus caravan trailer train motorcycle bicycle",
    "void": "background unlabeled unlabelled ignore static dynamic ground ego_vehicle",
}
_COLOR = re.compile(r"#?(?P<hex>[0-9a-fA-F]{6})|(?P<rgb>\d+\s*,\s*\d+\s*,\s*\d+)")


def read_label_file(path: Path) -> LabelMap:
    """The label map of a JSON file.

    It is an object of ids or of colours: `{"7": "flat", "8": "flat"}` or
    `{"#804080": "flat", "0,0,142": "vehicle"}`. Raises `InvalidRequest`.
    """
    try:
        members = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"The label map {path} cannot be read: {error}.") from None
    if not isinstance(members, dict) or not members:
        raise InvalidRequest(
            f"The label map {path} is not an object of ids or colours such as "
            '{"7": "flat", "#00008e": "vehicle"}.'
        )
    ids: dict[int, int] = {}
    colors: dict[int, int] = {}
    for label, category in members.items():
        value = _category(category, path)
        if re.fullmatch(r"[0-9]{1,5}", label.strip()):
            ids[int(label)] = value
        elif color := _COLOR.fullmatch(label.strip()):
            colors[_color(color)] = value
        else:
            raise InvalidRequest(
                f"{label[:40]!r} in the label map {path} is neither an id, such as 7, nor a "
                "colour, such as #804080 or 128,64,128."
            )
    return LabelMap(path.name, ids, colors)


def read_cvat_file(path: Path) -> LabelMap:
    """The label map of CVAT's `labelmap.txt`, whose labels have names of categories or of labels of
    Cityscapes. Raises `InvalidRequest` for another name.
    """
    known = {name: name for name in CITYSCAPES.names}
    known |= {other: name for name, others in OTHER_NAMES.items() for other in others.split()}
    colors: dict[int, int] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        label, _, rest = line.partition(":")
        if line.startswith("#") or not (color := _COLOR.match(rest)):
            continue
        name = known.get(re.sub(r"[\s-]+", "_", label.strip().lower()))
        if name is None:
            raise InvalidRequest(
                f"{path} has the label {label[:40]!r}, which is no category here. Write a JSON "
                "file that "
                f'gives each colour a category, such as {{"#{_color(color):06x}": "flat"}}, and '
                "name it "
                "with --labels FILE.json."
            )
        colors[_color(color)] = CITYSCAPES.index(name)
    return LabelMap(CVAT_FILE, colors=colors)


def _category(value: Any, path: Path) -> int:
    if isinstance(value, int) and 0 <= value < len(CITYSCAPES):
        return value
    try:
        return CITYSCAPES.index(str(value))
    except UnknownCategory as error:
        raise InvalidRequest(f"In the label map {path}: {error.detail}") from None


def _color(found: re.Match[str]) -> int:
    if found["hex"]:
        return int(found["hex"], 16)
    red, green, blue = (min(int(part), 255) for part in found["rgb"].split(","))
    return red << 16 | green << 8 | blue
