"""The marker of a dataset: an object that names its owner and its readers."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from storage.access.caller import Caller
from storage.objects.keys import DATASETS
from storage.stored_record import EncodableText, parse_record

UNREADABLE = "unreadable"
"""The owner of a dataset whose marker cannot be read."""


@dataclass(frozen=True, slots=True)
class DatasetMarker:
    """The owner and the readers of a dataset."""

    owner: EncodableText
    shared: bool = False
    """Whether every key may read it."""
    name: EncodableText | None = None
    """Name of the dataset; None in older markers, whose object keys contain the name."""
    readers: tuple[EncodableText, ...] = ()
    """Ids of other keys that may read it."""

    def is_read_by(self, caller: Caller) -> bool:
        """Whether the caller may read it."""
        return self.shared or caller.sees(self.owner) or caller.owner in self.readers

    @property
    def audience(self) -> tuple[str | None, ...]:
        """The owners whose lists include its images; None stands for all owners."""
        return (None,) if self.shared else (self.owner, *self.readers)


_MARKER = TypeAdapter(DatasetMarker)


def parse_marker(marker: bytes, key: str) -> DatasetMarker:
    """Parse the marker of a dataset. Raises `RecordUnreadable`, which names the key."""
    return parse_record(key, marker, _MARKER)


def stem_of(marker: str) -> str:
    """The part of a marker's key that stands for the name of its dataset."""
    return marker.removeprefix(DATASETS).removesuffix(".json")
