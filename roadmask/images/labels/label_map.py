"""Label map: the ids or colours of a label set, as categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.images.labels.annotation import Annotation, color_text
from roadmask.masks.taxonomy import CITYSCAPES

_UNKNOWN = 255
"""In lookup tables: no category."""
SHOWN = 8
"""Unknown labels that an error lists."""


@dataclass(frozen=True)
class LabelMap:
    """How the pixels of a label set's masks are read as categories.

    A map may have ids and colours: grey masks are read by their ids, masks in colours by these, and
    masks with a palette by its colours if the map has all of them, else by their ids.
    """

    name: str
    ids: Mapping[int, int] = field(default_factory=dict, hash=False)
    """Id to category."""
    colors: Mapping[int, int] = field(default_factory=dict, hash=False)
    """Colour to category; a colour is red << 16 | green << 8 | blue."""
    usual: frozenset[int] = frozenset()
    """Ids of road, building, vegetation and car: nearly every folder of street images has them."""
    step: int = 1
    """An id from `objects_from` on is `label * step + number of the object`."""
    objects_from: int = 2**32
    void_unknown: bool = False
    """Labels that the map does not have are read as void; else they are errors."""

    def apply(self, annotation: Annotation, name: str) -> NDArray[np.uint8]:
        """The categories of an annotation, uint8 (H, W); `name` is for errors.

        Raises `InvalidRequest` with the labels that the map does not have and their pixels, and for
        a palette whose colours contradict the ids that are read.
        """
        by_color = self.reads_colors(annotation)
        labels = annotation.colors if by_color else annotation.ids
        if labels is None:
            kind = "colours" if self.colors else "ids"
            raise InvalidRequest(
                f"{name} cannot be read with the label map {self.name}, which has {kind} alone: "
                f"the mask is {annotation.description}."
            )
        if not by_color:
            labels = np.where(labels >= self.objects_from, labels // self.step, labels)
        table = self._color_table if by_color else self._id_table
        beyond = labels >= table.size
        mask: NDArray[np.uint8] = table[np.where(beyond, 0, labels)]
        unknown = beyond | (mask == _UNKNOWN)
        if unknown.any():
            if not self.void_unknown:
                raise InvalidRequest(self._unknown_error(labels[unknown], by_color, name))
            mask[unknown] = CITYSCAPES.void
        if annotation.has_palette and not by_color and self.colors:
            self._check_palette(annotation, mask, name)
        return mask

    def read(self, path: Path) -> NDArray[np.uint8]:
        """The categories of a mask file, uint8 (H, W). Raises `InvalidRequest`."""
        return self.apply(Annotation.read(path), str(path))

    def reads_colors(self, annotation: Annotation) -> bool:
        """Whether the annotation is read by its colours."""
        if annotation.colors is None or not self.colors:
            return False
        if annotation.ids is None or not self.ids:
            return True
        return annotation.used_colors <= self.colors.keys()

    def label_id(self, value: int) -> int:
        """The id of the label of a pixel, which may have the id of an object."""
        return value // self.step if value >= self.objects_from else value

    def _check_palette(self, annotation: Annotation, mask: NDArray[np.uint8], name: str) -> None:
        """Raise `InvalidRequest` if colours of the palette are those of other categories."""
        assert annotation.colors is not None
        shown = self._color_table[annotation.colors]
        # Black is also the colour of all that a palette leaves out.
        differs = (shown != mask) & (shown != _UNKNOWN) & (annotation.colors != 0)
        if differs.any():
            raise InvalidRequest(
                f"{name} has a palette whose colours mean other categories in the label map "
                f"{self.name} than its ids, and some that the map does not have. Export the masks "
                "as grey ids, or name a map with --labels FILE.json that has all the colours."
            )

    @cached_property
    def _id_table(self) -> NDArray[np.uint8]:
        return _table(self.ids, max(self.ids, default=0) + 1)

    @cached_property
    def _color_table(self) -> NDArray[np.uint8]:
        return _table(self.colors, 1 << 24)

    def _unknown_error(self, labels: NDArray[np.uint32], by_color: bool, name: str) -> str:
        values, counts = np.unique(labels, return_counts=True)
        found = dict(zip(values.tolist(), counts.tolist(), strict=True))
        kind = "colours" if by_color else "ids"
        return (
            f"{name} has {kind} that the label map {self.name} does not have: "
            f"{labels_text(found, by_color)}. {ADVICE}"
        )

    def __getstate__(self) -> dict[str, object]:
        # A table of colours has 16 MiB; processes that share the work make their own.
        return {k: v for k, v in self.__dict__.items() if k not in ("_id_table", "_color_table")}


ADVICE = (
    "Name the label set with --labels NAME or --labels FILE.json, or read them as void with "
    "--unknown void."
)


def labels_text(counts: Mapping[int, int], by_color: bool) -> str:
    """Labels with their pixels, most frequent first: `12 (340 pixels), 13 (2 pixels)`."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    texts = [
        f"{color_text(label) if by_color else label} ({count:,} pixels)"
        for label, count in ranked[:SHOWN]
    ]
    if len(ranked) > SHOWN:
        texts.append(f"and {len(ranked) - SHOWN:,} more")
    return ", ".join(texts)


def _table(labels: Mapping[int, int], size: int) -> NDArray[np.uint8]:
    table = np.full(size, _UNKNOWN, np.uint8)
    table[list(labels.keys())] = list(labels.values())
    return table
