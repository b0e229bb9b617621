"""Bytes of uploads: deleted unless they are uploaded again meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import islice

from roadmask.errors import ObjectNotFound
from roadmask.schemas.ids import uploaded_id
from roadmask.schemas.images import Image
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.index import BATCH
from storage.objects.keys import image_key, thumbnail_prefix
from storage.objects.listing import delete_found
from storage.objects.store import ObjectStore


class UploadBytes:
    """Every method may raise `RecordsUnavailable` and `StoreUnavailable`."""

    def __init__(self, store: ObjectStore, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def uploaded(self, hashes: Collection[str]) -> set[str]:
        """Filter the images that are uploaded, by sha256."""
        return {image.sha256 for image in uploads(self._catalogue, hashes)}

    def delete_image(self, sha256: str) -> int:
        """Delete the bytes and thumbnails of an image, unless it was uploaded again. Returns the
        number of deleted objects.
        """
        if self.uploaded([sha256]):
            return 0
        thumbnails = list(self._store.keys(thumbnail_prefix(sha256)))
        objects = delete_found(self._store, *thumbnails)
        return objects + self.delete_if(lambda: not self.uploaded([sha256]), image_key(sha256))

    def delete_if(self, is_unused: Callable[[], bool], key: str) -> int:
        """Delete bytes that are unused, and store them again if they were uploaded meanwhile.
        Returns the number of deleted objects.
        """
        if not is_unused():
            return 0
        with suppress(ObjectNotFound):
            content_type, data = self._store.info(key).content_type, self._store.get(key)
            self._store.delete(key)
            if is_unused():
                return 1
            # The upload found the bytes in the store before they were deleted.
            self._store.put(key, data, content_type)
        return 0


def uploads(seen: Catalogue, hashes: Collection[str]) -> Iterator[Image]:
    """The entries of the uploaded images among these hashes, one batch in memory at once."""
    ids = map(uploaded_id, hashes)
    while batch := list(islice(ids, BATCH)):
        yield from filter(None, seen.get_many(batch))
