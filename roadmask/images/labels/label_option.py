"""Label option: which label map a user asks for, and what becomes of unknown labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roadmask.images.labels.label_file import read_label_file
from roadmask.images.labels.label_map import LabelMap
from roadmask.images.labels.label_sets import LABEL_SETS, label_set


@dataclass(frozen=True, slots=True)
class LabelOption:
    """The options `--labels` and `--unknown` of commands that read annotated masks."""

    name: str | None = None
    """A label set, or the path of a JSON file; None lets the masks decide."""
    void_unknown: bool = False
    """Labels that the map does not have are read as void; else they are errors."""

    def maps(self) -> tuple[LabelMap, ...]:
        """The label maps of that name; none without a name. Raises `InvalidRequest`."""
        if self.name is None:
            return ()
        if self.name not in LABEL_SETS and (
            self.name.endswith(".json") or Path(self.name).is_file()
        ):
            return (read_label_file(Path(self.name)),)
        return label_set(self.name)


DETECT = LabelOption()
"""The label map is found from the masks."""
