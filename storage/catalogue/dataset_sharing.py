"""Sharing of datasets: which other keys read them, and list their images."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from roadmask.errors import Conflict, DatasetNotFound, DatasetTaken
from roadmask.schemas.ids import check_dataset_name
from roadmask.schemas.images import Image
from storage.access.caller import Caller, owner_alone
from storage.access.dataset_marker import UNREADABLE, DatasetMarker
from storage.access.ownership import Ownership
from storage.access.readers import Readers
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.index import BATCH, CatalogueIndex
from storage.catalogue.spaces import listing_spaces
from storage.objects.keys import dataset_marker_key


class DatasetSharing:
    """The readers of datasets. Every method raises `RecordsUnavailable` and `StoreUnavailable`."""

    def __init__(self, catalogue: Catalogue, index: CatalogueIndex, ownership: Ownership) -> None:
        self._catalogue = catalogue
        self._index = index
        self._ownership = ownership

    def readers(self, caller: Caller, name: str) -> Readers:
        """The readers of a dataset of the caller. Raises like `share`."""
        marker = self._own_marker(caller, name)
        return Readers.of(marker.shared, marker.readers)

    def share(self, caller: Caller, name: str, readers: Readers) -> Readers:
        """Let these keys, and no others, read a dataset of the caller.

        Raises `DatasetNotFound`, `DatasetTaken` for a dataset of another key, and `Conflict` for a
        dataset without an owner or with an unknown owner.
        """
        before = self._own_marker(caller, name)
        after = self._ownership.share_dataset(name, before, readers)
        for _ in self._relist(name, before, after):
            pass
        return Readers.of(after.shared, after.readers)

    def restore(self, key: str) -> None:
        """Admit the readers of a dataset whose marker, with this object key, was unreadable before.

        Raises `RecordUnreadable` and `ObjectNotFound`.
        """
        name, marker = self._ownership.restore_dataset(key)
        own = self._index.seen_by(owner_alone(marker.owner))
        for batch in self._relist(name, DatasetMarker(UNREADABLE), marker):
            own.unlist_uploads(batch)

    def _relist(
        self, name: str, before: DatasetMarker, after: DatasetMarker
    ) -> Iterator[list[Image]]:
        """List the images of a dataset for other readers; yield them in batches."""
        images = self._catalogue.walk(f"{name}/")
        spaces = listing_spaces(before.audience), listing_spaces(after.audience)
        while batch := list(islice(images, BATCH)):
            self._index.relist(batch, *spaces)
            yield batch

    def _own_marker(self, caller: Caller, name: str) -> DatasetMarker:
        check_dataset_name(name)
        if self._index.seen_by(caller).count(f"{name}/") == 0:
            raise DatasetNotFound(f"There is no dataset {name!r}. GET /v1/datasets lists them.")
        marker = self._ownership.dataset(name)
        if marker is None and caller.sees_all:
            raise Conflict("This dataset belongs to no key, so every key reads it already.")
        if marker is None or not caller.owns(marker.owner):
            raise DatasetTaken("Only the key that a dataset belongs to shares it.")
        if marker.owner == UNREADABLE:  # a new marker would lose the owner
            raise Conflict(
                f"The file {dataset_marker_key(name)} in the object store, which says to which key "
                "this dataset belongs, cannot be read. Restore it; it is read again each minute."
            )
        return marker
