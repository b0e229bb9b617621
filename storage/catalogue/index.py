"""The index of the catalogue in Redis: sorted ids and their entries.

Ids are members of sorted sets with equal scores, which Redis sorts by their bytes. So the ids with
a prefix are one range, which Redis finds and counts without reading any other id.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from pydantic import ValidationError
from redis import Redis

from roadmask.schemas.ids import UPLOADED, uploaded_id
from roadmask.schemas.images import Dataset, Image
from storage.access.caller import ANYBODY, Caller
from storage.access.ownership import Ownership
from storage.catalogue.spaces import OWNED, SHARED, SPACE_OF, TRUTH, spaces_of
from storage.connections import records_guard
from storage.redis_text import is_utf8, known_ids

DAMAGED = "rm:images:damaged"
"""Set of the sha256s of images whose stored bytes are damaged or missing."""
BATCH = 500
"""Entries in one command."""
log = logging.getLogger(__name__)


class CatalogueIndex:
    """Entries by id, in id order, as one caller sees them.

    Every method raises `RecordsUnavailable`.
    """

    def __init__(self, redis: Redis, ownership: Ownership, caller: Caller = ANYBODY) -> None:
        # redis-py types replies as text or bytes; with our settings they are bytes.
        self._redis: Any = redis
        self._ownership = ownership
        self._caller = caller
        self._spaces = spaces_of(caller)

    def seen_by(self, caller: Caller) -> CatalogueIndex:
        """The same index for another caller."""
        return CatalogueIndex(self._redis, self._ownership, caller)

    def add(self, images: Sequence[Image], spaces: tuple[str, ...] | None = None) -> None:
        """Add or replace entries, and list them in `spaces`, by default in those of the caller.

        A batch of entries is written in one transaction.
        """
        for start in range(0, len(images), BATCH):
            self._add_batch(images[start : start + BATCH], spaces or self._spaces.write)

    def relist(
        self, images: Sequence[Image], before: tuple[str, ...], after: tuple[str, ...]
    ) -> None:
        """Move these images from the lists `before` to the lists `after`."""
        self.add(images, after)
        if gone := set(before) - set(after):
            self.remove([image.id for image in images], gone)

    def add_entry(self, image: Image) -> None:
        """Add or replace an entry without listing it."""
        with records_guard():
            self._redis.set(_entry(image.id), encode(image))

    def drop_truth(self, image: Image, owners: Iterable[str]) -> None:
        """Replace an entry that has lost its truth, and remove it from the lists with truths."""
        spaces = (SHARED, OWNED, *(f"{SPACE_OF}{owner}" for owner in owners))
        with records_guard(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(_entry(image.id), encode(image))
            for space in spaces:
                pipe.zrem(f"{space}{TRUTH}", image.id)
            pipe.execute()

    def remove(self, image_ids: Sequence[str], spaces: Iterable[str]) -> None:
        """Remove ids from these spaces; their entries stay."""
        with records_guard(), self._redis.pipeline(transaction=True) as pipe:
            for space in spaces:
                pipe.zrem(space, *image_ids)
                pipe.zrem(f"{space}{TRUTH}", *image_ids)
            pipe.execute()

    def remove_entry(self, image_id: str, owners: Iterable[str]) -> None:
        """Remove an entry, and its id from the lists of these owners and from the common lists."""
        self.remove([image_id], (SHARED, OWNED, *(f"{SPACE_OF}{owner}" for owner in owners)))
        with records_guard():
            self._redis.delete(_entry(image_id))

    def list_uploads(self, image_ids: Sequence[str]) -> None:
        """Add uploads, whose entries exist, to the lists of the caller."""
        for start in range(0, len(image_ids), BATCH):
            batch = image_ids[start : start + BATCH]
            # Another owner of the same bytes may have added a truth.
            found = self.get_many(batch)
            annotated = [image.id for image in found if image and image.truth_sha256]
            with records_guard(), self._redis.pipeline(transaction=False) as pipe:
                for space in self._spaces.write:
                    pipe.zadd(space, dict.fromkeys(batch, 0))
                    if annotated:
                        pipe.zadd(f"{space}{TRUTH}", dict.fromkeys(annotated, 0))
                pipe.execute()

    def unlist_uploads(self, images: Iterable[Image]) -> None:
        """Remove the uploads behind named images from lists and counts; their entries stay."""
        uploads = (uploaded_id(image.sha256) for image in images if image.dataset)
        while batch := list(islice(uploads, BATCH)):
            with records_guard(), self._redis.pipeline(transaction=False) as pipe:
                for space in {OWNED, *self._spaces.write}:
                    pipe.zrem(space, *batch)
                    pipe.zrem(f"{space}{TRUTH}", *batch)
                pipe.execute()

    def mark_damaged(self, sha256: str) -> None:
        """Mark the stored bytes of an image as damaged."""
        with records_guard():
            self._redis.sadd(DAMAGED, sha256)

    def unmark_damaged(self, sha256: str) -> None:
        """Remove the mark of an image whose bytes were stored again."""
        with records_guard():
            self._redis.srem(DAMAGED, sha256)

    def uploads(self, sha256s: Sequence[str]) -> tuple[list[Image | None], set[str]]:
        """Return the entries of these uploads (None without one), and the hashes of damaged bytes.

        Makes one round trip for each `BATCH`.
        """
        found: list[Image | None] = []
        damaged: set[str] = set()
        for start in range(0, len(sha256s), BATCH):
            batch = list(sha256s[start : start + BATCH])
            with records_guard(), self._redis.pipeline(transaction=False) as pipe:
                pipe.mget([_entry(uploaded_id(sha256)) for sha256 in batch])
                pipe.smismember(DAMAGED, batch)
                values, marks = pipe.execute()
            found += [decode(value) if value else None for value in values]
            damaged |= {sha256 for sha256, mark in zip(batch, marks, strict=True) if mark}
        return self._visible(found), damaged

    def lists(self, image_id: str) -> bool:
        """Whether lists include this id."""
        with records_guard():
            return any(self._redis.zscore(space, image_id) is not None for space in self._read())

    def get_many(self, image_ids: Sequence[str]) -> list[Image | None]:
        """Return the entries of these ids, None for an id without an entry."""
        found: list[Image | None] = []
        for start in range(0, len(image_ids), BATCH):
            keys = [_entry(image_id) for image_id in image_ids[start : start + BATCH]]
            with records_guard():
                values: list[bytes | None] = self._redis.mget(keys)
            found += [decode(value) if value else None for value in values]
        return self._named(self._visible(found))

    def filenames(self, image_ids: Sequence[str]) -> dict[str, str]:
        """The filenames of the uploads among these ids, as far as they are known."""
        uploads = [image_id for image_id in image_ids if UPLOADED.fullmatch(image_id)]
        entries = self.get_many(uploads)
        return {image.id: image.filename for image in entries if image and image.filename}

    def ids(
        self,
        prefix: str,
        after: str = "",
        *,
        skip: int = 0,
        with_truth: bool = False,
        batch: int = BATCH,
    ) -> Iterator[list[str]]:
        """Iterate over the ids with `prefix` that follow `after`, in order, in batches.

        The first `skip` of them are left out, without reading them.
        """
        low = f"({after}" if after >= prefix else f"[{prefix}"
        high = _after(prefix)
        ranges = [_Range(self._redis, space, low, high) for space in self._read(with_truth)]
        with records_guard():
            starts = _starts(ranges, skip)
        streams = [
            members.iterate(start, batch) for members, start in zip(ranges, starts, strict=True)
        ]
        merged = (image_id for image_id, _ in groupby(heapq.merge(*streams)))
        while found := list(islice(merged, batch)):
            yield found
            if len(found) < batch:
                return

    def count(self, prefix: str, *, with_truth: bool = False, before: str | None = None) -> int:
        """Count the ids with `prefix`; with `before` only those that precede this id."""
        end = _after(prefix) if before is None else f"({before}".encode()
        with records_guard():
            return sum(
                int(self._redis.zlexcount(space, f"[{prefix}", end))
                for space in self._read(with_truth)
            )

    def without_truth(self, image_ids: Sequence[str]) -> list[str]:
        """Return those of the ids that have no truth."""
        if not image_ids:
            return []
        with records_guard():
            scores = [self._redis.zmscore(space, list(image_ids)) for space in self._read(True)]
        found = zip(image_ids, *scores, strict=True)
        return [id_ for id_, *found_in in found if all(score is None for score in found_in)]

    def datasets(self) -> list[Dataset]:
        """List all datasets with their counts: one read for each dataset, however large."""
        found = []
        low = "-"
        while first := self._first(low):
            if UPLOADED.fullmatch(first):
                # No dataset name begins with `sha256-`, so all uploads are one range.
                low = "[sha256."
                continue
            name = first.partition("/")[0]
            images, with_truth = (self.count(f"{name}/", with_truth=w) for w in (False, True))
            found.append(Dataset(name=name, images=images, with_truth=with_truth))
            low = f"[{name}0"  # `0` is the character after the slash
        return sorted(found, key=lambda dataset: dataset.name)

    def _add_batch(self, images: Sequence[Image], spaces: tuple[str, ...]) -> None:
        annotated = [image.id for image in images if image.truth_sha256]
        plain = [image.id for image in images if not image.truth_sha256]
        with records_guard(), self._redis.pipeline(transaction=True) as pipe:
            pipe.mset({_entry(image.id): encode(image) for image in images})
            for space in spaces:
                pipe.zadd(space, {image.id: 0 for image in images})
                if annotated:
                    pipe.zadd(f"{space}{TRUTH}", dict.fromkeys(annotated, 0))
                if plain:
                    pipe.zrem(f"{space}{TRUTH}", *plain)
            if SHARED in spaces:
                for space in (OWNED, f"{OWNED}{TRUTH}"):
                    pipe.zrem(space, *(image.id for image in images))
            pipe.execute()

    def _read(self, with_truth: bool = False) -> list[str]:
        return [f"{space}{TRUTH}" if with_truth else space for space in self._spaces.read]

    def _visible(self, images: list[Image | None]) -> list[Image | None]:
        """The entries, with None in place of those that the caller may not see."""
        if self._caller.sees_all:
            return images
        known = [image for image in images if image]
        names = self._ownership.visible_datasets(
            self._caller, (image.dataset for image in known if image.dataset)
        )
        plain = [image for image in known if not image.dataset]
        uploads = self._ownership.visible(self._caller, "images", [i.sha256 for i in plain])
        # Owners of the same bytes share an entry, but not their truths.
        annotated = [image.truth_sha256 for image in plain if image.truth_sha256]
        truths = self._ownership.visible(self._caller, "truths", annotated)

        def seen(image: Image) -> Image | None:
            if image.dataset:
                return image if image.dataset in names else None
            if image.sha256 not in uploads:
                return None
            if image.truth_sha256 is None or image.truth_sha256 in truths:
                return image
            return image.model_copy(update={"truth_sha256": None, "earlier_truths": []})

        return [image and seen(image) for image in images]

    def _named(self, images: list[Image | None]) -> list[Image | None]:
        """The entries, with the caller's own filenames for its uploads."""
        uploads = [image.sha256 for image in images if image and not image.dataset]
        names = self._ownership.filenames(self._caller, "images", uploads)
        if not names:
            return images
        return [
            image.model_copy(update={"filename": names[image.sha256]})
            if image and not image.dataset and image.sha256 in names
            else image
            for image in images
        ]

    def _first(self, low: str) -> str | None:
        ranges = [_Range(self._redis, space, low, b"+") for space in self._read()]
        firsts = [next(members.iterate(0, batch=1), None) for members in ranges]
        return min((first for first in firsts if first is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Range:
    """The members of a sorted set between two bounds."""

    redis: Any
    space: str
    low: str
    high: bytes

    def iterate(self, start: int, batch: int) -> Iterator[str]:
        low: str | bytes = self.low
        skip = start
        while True:
            with records_guard():
                members: list[bytes] = self.redis.zrange(
                    self.space, low, self.high, bylex=True, offset=skip, num=batch
                )
                ids = known_ids(self.redis, self.space, members, is_utf8)
            yield from ids
            if len(members) < batch:
                return
            low, skip = b"(" + members[-1], 0

    def member(self, rank: int) -> bytes | None:
        found = self.redis.zrange(self.space, self.low, self.high, bylex=True, offset=rank, num=1)
        return found[0] if found else None

    def rank(self, member: bytes) -> int:
        """The number of members that precede this one, whether it is in the range or not."""
        return int(self.redis.zlexcount(self.space, self.low, b"(" + member))


def _starts(ranges: Sequence[_Range], skip: int) -> list[int]:
    """Offsets in two ranges, such that merging them from there leaves out `skip` members."""
    first, second = ranges
    if skip == 0:
        return [0, 0]
    # Binary search for the number of members of `first` among the `skip` smallest of both.
    least, most = 0, skip
    while least < most:
        middle = (least + most + 1) // 2
        member = first.member(middle - 1)
        if member is not None and middle + second.rank(member) <= skip:
            least = middle
        else:
            most = middle - 1
    return [least, skip - least]


def encode(image: Image) -> bytes:
    """Encode an entry as JSON."""
    return image.model_dump_json(exclude_none=True).encode()


def decode(data: bytes) -> Image | None:
    """Decode an entry, which a newer version may have written; None if it is unreadable."""
    try:
        return Image.model_validate_json(data, extra="ignore")
    except ValidationError as error:
        log.warning("An entry of the catalogue's index cannot be read: %s", error)
        return None


def _entry(image_id: str) -> str:
    return f"rm:image:{image_id}"


def _after(prefix: str) -> bytes:
    # UTF-8 never has the byte 0xff, so every id with the prefix sorts before it.
    return b"(" + prefix.encode() + b"\xff"
