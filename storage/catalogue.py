"""The catalogue: which images there are, and which of them have an annotated mask.

The entries in the object store are the truth, Redis holds an index of them. An entry is written to
the store first, so that the index never knows more than `rebuild` can bring back.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from pydantic import ValidationError
from redis import Redis

from roadmask.errors import ImageNotFound, InvalidRequest, ObjectNotFound
from roadmask.images import (
    CatalogueEntry,
    Dataset,
    Image,
    ImagePage,
    check_dataset_name,
    check_image_id,
    uploaded_id,
)
from roadmask.pixels import ImageFacts
from storage.catalogue_index import BATCH, CatalogueIndex, encode
from storage.cursors import decode_cursor, encode_cursor
from storage.objects import ObjectStore, catalogue_key
from storage.truths import Truths

SCANNED = 20_000
"""Most ids looked at for one page, where they are searched rather than found by prefix."""
THREADS = 8
"""Objects read or written at once."""
JSON = "application/json"
log = logging.getLogger(__name__)


class Catalogue:
    """Images by id. Every method raises `RecordsUnavailable` or `StoreUnavailable` when it must."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._index = CatalogueIndex(redis)
        self._truths = Truths(redis, store)
        self._store = store

    def add_upload(self, sha256: str, facts: ImageFacts, size: int) -> Image:
        """The entry of an uploaded image of `size` bytes, which are in the store already."""
        image_id = uploaded_id(sha256)
        if (known := self._index.get_many([image_id])[0]) is not None:
            return known
        image = Image(
            id=image_id,
            sha256=sha256,
            bytes=size,
            format=facts.format,
            width=facts.width,
            height=facts.height,
            channels=facts.channels,
            bit_depth=facts.bit_depth,
            created_at=datetime.now(UTC),
        )
        self._write([image])
        return image

    def register(self, dataset: str, entries: Sequence[CatalogueEntry]) -> list[Image]:
        """Name uploaded images as those of a dataset. All are checked before one is written.

        Lists then have the uploads by these names alone; by their own ids they stay to be had.
        Raises `InvalidId` for names that cannot be, `ImageNotFound` and `TruthNotFound` with the
        hashes in `missing` where bytes were not uploaded, and `InvalidRequest` where a name comes
        twice or an annotated mask has not its image's size.
        """
        check_dataset_name(dataset)
        image_ids = [check_image_id(f"{dataset}/{entry.name}") for entry in entries]
        _check_unique(image_ids)
        images = [
            upload.model_copy(
                update={
                    "id": image_id,
                    "dataset": dataset,
                    "truth_sha256": entry.truth_sha256,
                    "created_at": datetime.now(UTC),
                }
            )
            for image_id, entry, upload in zip(
                image_ids, entries, self._uploads(entries), strict=True
            )
        ]
        self._truths.check(images)
        return self._write_new(images)

    def get(self, image_id: str) -> Image:
        """The entry of an image. Raises `InvalidId`, `ImageNotFound`."""
        image = self._index.get_many([check_image_id(image_id)])[0]
        if image is None:
            raise ImageNotFound(f"There is no image {image_id!r}. Upload it, or check the id.")
        return image

    def get_many(self, image_ids: Sequence[str]) -> list[Image | None]:
        """The entries of these ids, None where there is none."""
        return self._index.get_many(image_ids)

    def page(
        self,
        prefix: str | None = None,
        dataset: str | None = None,
        query: str | None = None,
        with_truth: bool | None = None,
        cursor: str | None = None,
        limit: int = 100,
        offset: int = 0,
        at: str | None = None,
    ) -> ImagePage:
        """Images in id order, filtered; `query` is looked for anywhere in the id.

        With `query`, or without truth, a page may hold fewer than `limit` images, even none, while
        more follow: it ends after `SCANNED` ids. Only on the last page `next` is None. Else images
        are counted (`total`), and a page may begin at any `offset` among them, or with the image
        `at`. Raises `InvalidId`, and `ImageNotFound` for an `at` that is not listed.
        """
        start = _common(prefix or "", f"{dataset}/" if dataset else "")
        if start is None:
            return ImagePage(images=[], total=0)
        searched = bool(query) or with_truth is False
        if (offset or at) and (searched or cursor):
            raise InvalidRequest(
                "Images that are searched for (`q`, `truth=false`) are listed by `cursor` alone, "
                "and `offset` or `at` count from the first image: send one of them."
            )
        annotated = with_truth is True
        if at is not None:
            if not (self.get(at).id.startswith(start) and self._index.lists(at)):
                raise ImageNotFound(f"{at} is not among the images that are listed here.")
            offset = self._index.count(start, with_truth=annotated, before=at)
        total = None if searched else self._index.count(start, with_truth=annotated)
        batch = BATCH if searched else limit + 1
        after = decode_cursor(cursor)
        found: list[str] = []
        scanned, following = 0, None
        batches = self._index.ids(start, after, skip=offset, with_truth=annotated, batch=batch)
        for ids in batches:
            found += self._matching(ids, query, with_truth)
            scanned += len(ids)
            if len(found) > limit:
                following = found[limit - 1]
                break
            if searched and scanned >= SCANNED:
                following = ids[-1]
                break
        images = [image for image in self._index.get_many(found[:limit]) if image]
        more = encode_cursor(following) if following else None
        known = None if searched or cursor else offset
        return ImagePage(images=images, next=more, total=total, offset=known)

    def walk(self, prefix: str) -> Iterator[Image]:
        """All images whose id begins with `prefix`, in id order, a batch in memory at once."""
        for ids in self._index.ids(prefix):
            yield from (image for image in self._index.get_many(ids) if image)

    def datasets(self) -> list[Dataset]:
        """All datasets, with the numbers of their images."""
        return self._index.datasets()

    def missing(self, kind: Literal["images", "truths"], sha256s: Sequence[str]) -> list[str]:
        """Those of the hashes whose bytes must still be uploaded, in the order given."""
        if kind == "truths":
            sizes = self._truths.sizes(sha256s)
            return [sha256 for sha256 in sha256s if sha256 not in sizes]
        found = self._index.get_many([uploaded_id(sha256) for sha256 in sha256s])
        return [sha256 for sha256, image in zip(sha256s, found, strict=True) if image is None]

    def rebuild(self) -> int:
        """Bring back the index from the store, after Redis was emptied; how many entries."""
        keys = self._store.keys("catalogue/")
        count = 0
        with ThreadPoolExecutor(THREADS) as pool:
            while batch := list(islice(keys, BATCH)):
                images = [image for image in pool.map(self._read, batch) if image]
                self._index.add(images)
                count += len(images)
        # Only now: an upload's entry may come after that of its name.
        self._index.unlist_uploads(self.walk(""))
        return count

    def _matching(self, ids: list[str], query: str | None, with_truth: bool | None) -> list[str]:
        if query:
            ids = [image_id for image_id in ids if query.lower() in image_id.lower()]
        return self._index.without_truth(ids) if with_truth is False else ids

    def _write_new(self, images: list[Image]) -> list[Image]:
        """Write what is not there in this form already, so that an import may be repeated."""
        before = self._index.get_many([image.id for image in images])
        result = [
            old if old and _content(old) == _content(image) else image
            for image, old in zip(images, before, strict=True)
        ]
        self._write([image for image, old in zip(result, before, strict=True) if image is not old])
        self._index.unlist_uploads(result)
        return result

    def _write(self, images: Sequence[Image]) -> None:
        def put(image: Image) -> None:
            self._store.put(catalogue_key(image.id), encode(image), JSON)

        if len(images) == 1:
            # An upload's, by the hundred: a thread of its own for each would be dear.
            put(images[0])
        else:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(put, images))
        self._index.add(images)

    def _read(self, key: str) -> Image | None:
        try:
            return Image.model_validate_json(self._store.get(key))
        except (ObjectNotFound, ValidationError) as error:
            log.warning("catalogue entry %s was left out: %s", key, error)
            return None

    def _uploads(self, entries: Sequence[CatalogueEntry]) -> list[Image]:
        found = self._index.get_many([uploaded_id(entry.sha256) for entry in entries])
        pairs = zip(entries, found, strict=True)
        if missing := sorted({entry.sha256 for entry, image in pairs if image is None}):
            raise ImageNotFound(
                f"{len(missing)} of these images were not uploaded: {missing[0]}… Upload them "
                "first; `missing` lists them.",
                missing=missing,
            )
        return [image for image in found if image]


def _check_unique(image_ids: list[str]) -> None:
    if twice := [image_id for image_id, count in Counter(image_ids).items() if count > 1]:
        raise InvalidRequest(f"{twice[0]} comes twice in this request. Send each name once.")


def _content(image: Image) -> tuple[str, str | None]:
    return image.sha256, image.truth_sha256


def _common(one: str, other: str) -> str | None:
    """The prefix that says what both say, None when no id has both."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    return longer if longer.startswith(shorter) else None
