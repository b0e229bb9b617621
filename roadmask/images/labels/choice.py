"""Choice: the label map of a folder, from its name, its layout, or all its masks together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from roadmask.errors import InvalidRequest
from roadmask.images.labels.annotation import Annotation
from roadmask.images.labels.census import Census, Kind, census_of, take_census
from roadmask.images.labels.label_map import ADVICE, LabelMap, labels_text
from roadmask.images.labels.label_option import LabelOption
from roadmask.images.labels.label_sets import (
    FOUND_BY_COLORS,
    FOUND_BY_IDS,
    FOUND_BY_INSTANCES,
    LABEL_IDS,
    ROADMASK,
    VOC,
)
from roadmask.masks.codec import encode_mask

MOST_ID = 255
"""Beyond it, ids are those of objects."""
MOST_VOID = 0.3
"""Share of void above which grey masks are not taken for our own indices unless told."""


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """The label map that the masks of a folder are read with, and why."""

    labels: LabelMap
    reason: str

    def __str__(self) -> str:
        return f"{self.labels.name} ({self.reason})"


def choose_labels(
    paths: Sequence[Path],
    given: Sequence[LabelMap],
    expected: Sequence[LabelMap],
    *,
    void_unknown: bool,
) -> LabelChoice:
    """The label map of these masks: one of the `given`; else, if it fits, one that the layout
    `expected`; else the one map that fits all masks.

    Raises `InvalidRequest` if none or several of different meaning fit, and for labels that the map
    does not have unless `void_unknown`; the error has the labels and their pixels.
    """
    census = take_census(paths)
    if not census:
        labels = next(iter((*given, *expected, ROADMASK)))
        return LabelChoice(labels, f"none of {len(paths)} masks can be read")
    return _choose(census, given, expected, void_unknown)


def to_categories(mask: bytes, labels: LabelOption | str) -> bytes:
    """The canonical PNG of a mask file that has these labels.

    Raises `InvalidRequest`, as `choose_labels` does.
    """
    option = LabelOption(labels) if isinstance(labels, str) else labels
    annotation, place = Annotation.read(mask), Path("the mask")
    one = census_of(annotation, place)
    census = Census()
    census.add(one)
    choice = _choose({one.kind: census}, option.maps(), (), option.void_unknown)
    return encode_mask(choice.labels.apply(annotation, "The mask"))


def _choose(
    census: Mapping[Kind, Census],
    given: Sequence[LabelMap],
    expected: Sequence[LabelMap],
    void_unknown: bool,
) -> LabelChoice:
    chosen = [_of_kind(kind, each, given, expected, void_unknown) for kind, each in census.items()]
    first = chosen[0]
    for other in chosen[1:]:
        # Some files with a palette and some without are one label set of two notations.
        if other.labels != first.labels:
            first = LabelChoice(_joined(first.labels, other.labels), first.reason)
    return replace(first, labels=replace(first.labels, void_unknown=void_unknown))


def _of_kind(
    kind: Kind,
    census: Census,
    given: Sequence[LabelMap],
    expected: Sequence[LabelMap],
    void_unknown: bool,
) -> LabelChoice:
    if given:
        return _given(kind, census, given, void_unknown)
    hinted = [
        each for each in expected if _reads(each, kind, census) and not _unknown(each, census)
    ]
    if hinted:
        chosen = hinted[0]
        _check_plausible(chosen, census)
        return LabelChoice(chosen, f"by the layout and the labels of {census.masks} masks")
    try:
        return _found(kind, census, void_unknown)
    except InvalidRequest:
        able = [each for each in expected if _reads(each, kind, census)]
        if not void_unknown or not able:
            raise
        return LabelChoice(able[0], "by the layout")


def _given(
    kind: Kind, census: Census, given: Sequence[LabelMap], void_unknown: bool
) -> LabelChoice:
    able = [each for each in given if _reads(each, kind, census)]
    if not able:
        names = " or ".join(each.name for each in given)
        has = "colours" if census.colors else "ids"
        raise InvalidRequest(
            f"The masks have {has}, which {names} does not have: {_labels(census)}. {census.first} "
            "is the first."
        )
    fitting = [each for each in able if not _unknown(each, census)] or (
        able if void_unknown else []
    )
    if not fitting:
        raise InvalidRequest(_unknown_error(able[0], census))
    if len(fitting) > 1 and not _agree(fitting, census):
        usual = [each for each in fitting if _is_usual(each, census)]
        if len(usual) != 1:
            raise InvalidRequest(_ambiguous(fitting, census))
        fitting = usual
    return LabelChoice(fitting[0], "as told")


def _found(kind: Kind, census: Census, void_unknown: bool) -> LabelChoice:
    reason = f"found from all {census.masks} masks"
    if kind != "ids":
        used = census.colors.keys()
        candidates = [each for each in (*FOUND_BY_COLORS, VOC) if used <= each.colors.keys()]
        if not candidates and kind == "colors" and census.ids.total() == census.colors.total():
            # Grey in three equal channels.
            return _found("ids", Census(census.masks, census.first, census.ids), void_unknown)
    elif max(census.ids) > MOST_ID:
        candidates = [each for each in FOUND_BY_INSTANCES if not _unknown(each, census)]
    else:
        candidates = _by_usual_ids(census)
    if candidates and _agree(candidates, census) and candidates != [VOC]:
        return LabelChoice(candidates[0], reason)
    if candidates:
        raise InvalidRequest(_ambiguous(candidates, census))
    if kind == "ids":
        raise InvalidRequest(
            f"It is not clear which label set the masks have: {_labels(census)} in {census.masks} "
            f"masks, {census.first} the first. {ADVICE}"
        )
    if name := _panoptic(census):
        raise InvalidRequest(
            f"The masks are {name} panoptic PNGs: their colours are numbers of segments, whose "
            f"categories are in a JSON file. {census.first} is the first. Use the semantic masks "
            "of the data set, or convert these with the tools of panopticapi."
        )
    nearest = min(FOUND_BY_COLORS, key=lambda each: sum(_unknown(each, census).values()))
    missed = sum(_unknown(nearest, census).values())
    if void_unknown and 2 * missed < sum(census.colors.values()):
        return LabelChoice(nearest, f"the nearest to {census.masks} masks")
    raise InvalidRequest(_unknown_error(nearest, census))


def _by_usual_ids(census: Census) -> list[LabelMap]:
    """The maps whose usual labels the masks have: all of them, or all but one if no map has all."""
    fitting = [each for each in FOUND_BY_IDS if not _unknown(each, census)]
    complete = [each for each in fitting if each.usual <= census.ids.keys()]
    found = complete or [each for each in fitting if _is_usual(each, census)]
    void = sum(census.ids[label] for label in (0, 255))
    if ROADMASK in found and void > MOST_VOID * census.ids.total():
        # Where 0 is a common label, it is road or a background, and not our void.
        raise InvalidRequest(_ambiguous(found, census))
    return found


def _panoptic(census: Census) -> str:
    """The data set of panoptic PNGs, which have numbers of segments as colours."""
    numbers = [color >> 16 | color & 0xFF00 | (color & 0xFF) << 16 for color in census.colors]
    labels = [number // 1000 if number >= 1000 else number for number in numbers]
    if len(labels) > 2 and all(label in LABEL_IDS.ids for label in labels):
        return "Cityscapes"
    first = census.first
    if first and any("panoptic" in part.name.lower() for part in (first, *list(first.parents)[:3])):
        return "COCO"
    return ""


def _reads(labels: LabelMap, kind: Kind, census: Census) -> bool:
    """Whether the map has the notation of these masks."""
    if kind == "ids":
        return bool(labels.ids)
    return bool(labels.colors) or (bool(labels.ids) and bool(census.ids))


def _by_color(labels: LabelMap, census: Census) -> bool:
    """Whether the map reads these masks by their colours, see `LabelMap.reads_colors`."""
    if not census.colors or not labels.colors:
        return False
    return not census.ids or not labels.ids or census.colors.keys() <= labels.colors.keys()


def _meanings(labels: LabelMap, census: Census) -> Mapping[int, int | None]:
    """The category of each label that the masks have, None where the map has none."""
    if _by_color(labels, census):
        return {color: labels.colors.get(color) for color in census.colors}
    if not labels.ids:
        return dict.fromkeys(census.colors or census.ids)
    return {value: labels.ids.get(labels.label_id(value)) for value in census.ids}


def _unknown(labels: LabelMap, census: Census) -> dict[int, int]:
    """The labels that the map does not have, with their pixels."""
    meanings = _meanings(labels, census)
    counts = census.colors if _by_color(labels, census) or not labels.ids else census.ids
    return {label: counts[label] for label, meaning in meanings.items() if meaning is None}


def _agree(candidates: Iterable[LabelMap], census: Census) -> bool:
    """Whether all maps read the masks alike."""
    readings = [list(_meanings(each, census).values()) for each in candidates]
    return all(reading == readings[0] for reading in readings)


def _is_usual(labels: LabelMap, census: Census) -> bool:
    """Whether the masks have most of the labels that street scenes nearly always have."""
    return bool(labels.usual) and len(labels.usual & census.ids.keys()) >= len(labels.usual) - 1


def _check_plausible(labels: LabelMap, census: Census) -> None:
    """Refuse ids that the named map could read, but that are another label set's by their use."""
    if not labels.usual or labels.usual & census.ids.keys():
        return
    others = [
        each
        for each in FOUND_BY_IDS
        if each.usual <= census.ids.keys() and not _unknown(each, census)
    ]
    if others:
        raise InvalidRequest(
            f"By their place and name the masks are {labels.name}, but their ids are those of "
            f"{' or '.join(each.name for each in others)}: {_labels(census)}. Say which with "
            "--labels."
        )


def _labels(census: Census) -> str:
    return labels_text(census.colors or census.ids, bool(census.colors))


def _unknown_error(labels: LabelMap, census: Census) -> str:
    by_color = _by_color(labels, census) or not labels.ids
    kind = "colours" if by_color else "ids"
    return (
        f"The masks have {kind} that the label map {labels.name} does not have: "
        f"{labels_text(_unknown(labels, census), by_color)} in {census.masks} masks, "
        f"{census.first} the first. {ADVICE}"
    )


def _ambiguous(candidates: Sequence[LabelMap], census: Census) -> str:
    return (
        f"The masks fit the label set {' and '.join(each.name for each in candidates)}, and it is "
        f"not clear that they are meant: {_labels(census)} in {census.masks} masks, {census.first} "
        "the first. Say which with --labels NAME."
    )


def _joined(one: LabelMap, other: LabelMap) -> LabelMap:
    """A map that reads the ids of one and the colours of the other."""
    name = one.name if one.name == other.name else f"{one.name} and {other.name}"
    ids, colors = (one, other) if one.ids else (other, one)
    return replace(ids, name=name, colors=ids.colors or colors.colors)
