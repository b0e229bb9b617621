"""The catalogue's index in Redis: sorted ids, and the entry of each.

Ids are members of sorted sets with equal scores, which Redis keeps in the order of their bytes: so
every id with a prefix is one range, found and counted without looking at any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from redis import Redis

from roadmask.images import UPLOADED, Dataset, Image, uploaded_id
from storage.connections import records_guard

ALL, WITH_TRUTH = "rm:images", "rm:images:truth"
BATCH = 500
"""Entries in one command."""


class CatalogueIndex:
    """Entries by id, in id order. Every method raises `RecordsUnavailable`."""

    def __init__(self, redis: Redis) -> None:
        # redis-py types answers as text or bytes; ours are always bytes.
        self._redis: Any = redis

    def add(self, images: Sequence[Image]) -> None:
        """Add entries, replacing those of the same ids; readers see each one whole."""
        for start in range(0, len(images), BATCH):
            self._add_batch(images[start : start + BATCH])

    def unlist_uploads(self, images: Iterable[Image]) -> None:
        """Leave the uploads of named images out of lists and counts; their entries stay."""
        uploads = (uploaded_id(image.sha256) for image in images if image.dataset)
        while batch := list(islice(uploads, BATCH)):
            with records_guard():
                self._redis.zrem(ALL, *batch)

    def lists(self, image_id: str) -> bool:
        """Whether this id is in the lists."""
        with records_guard():
            return self._redis.zscore(ALL, image_id) is not None

    def get_many(self, image_ids: Sequence[str]) -> list[Image | None]:
        """The entries of these ids, None where there is none."""
        found: list[Image | None] = []
        for start in range(0, len(image_ids), BATCH):
            keys = [_entry(image_id) for image_id in image_ids[start : start + BATCH]]
            with records_guard():
                values: list[bytes | None] = self._redis.mget(keys)
            found += [Image.model_validate_json(value) if value else None for value in values]
        return found

    def ids(
        self,
        prefix: str,
        after: str = "",
        *,
        skip: int = 0,
        with_truth: bool = False,
        batch: int = BATCH,
    ) -> Iterator[list[str]]:
        """The ids that begin with `prefix` and come behind `after`, in order, in batches.

        The first `skip` of them are left out, without a look at each.
        """
        index = WITH_TRUTH if with_truth else ALL
        low = f"({after}" if after >= prefix else f"[{prefix}"
        while True:
            with records_guard():
                members: list[bytes] = self._redis.zrange(
                    index, low, _beyond(prefix), bylex=True, offset=skip, num=batch
                )
            if members:
                yield [member.decode() for member in members]
            if len(members) < batch:
                return
            low, skip = f"({members[-1].decode()}", 0

    def count(self, prefix: str, *, with_truth: bool = False, before: str | None = None) -> int:
        """How many ids begin with `prefix`; with `before` only those that come before that id."""
        index = WITH_TRUTH if with_truth else ALL
        end = _beyond(prefix) if before is None else f"({before}"
        with records_guard():
            return int(self._redis.zlexcount(index, f"[{prefix}", end))

    def without_truth(self, image_ids: Sequence[str]) -> list[str]:
        """Those of the ids that have no truth."""
        if not image_ids:
            return []
        with records_guard():
            scores = self._redis.zmscore(WITH_TRUTH, list(image_ids))
        return [id_ for id_, score in zip(image_ids, scores, strict=True) if score is None]

    def datasets(self) -> list[Dataset]:
        """All datasets with their counts: one look for each dataset, however large."""
        found = []
        low = "-"
        while first := self._first(low):
            if UPLOADED.fullmatch(first):
                # No dataset's name begins like this, so all uploads lie side by side.
                low = "[sha256."
                continue
            name = first.partition("/")[0]
            images, with_truth = (self.count(f"{name}/", with_truth=w) for w in (False, True))
            found.append(Dataset(name=name, images=images, with_truth=with_truth))
            low = f"[{name}0"  # `0` is the character behind the slash
        return sorted(found, key=lambda dataset: dataset.name)

    def _add_batch(self, images: Sequence[Image]) -> None:
        annotated = [image.id for image in images if image.truth_sha256]
        plain = [image.id for image in images if not image.truth_sha256]
        with records_guard(), self._redis.pipeline(transaction=True) as pipe:
            pipe.mset({_entry(image.id): encode(image) for image in images})
            pipe.zadd(ALL, {image.id: 0 for image in images})
            if annotated:
                pipe.zadd(WITH_TRUTH, dict.fromkeys(annotated, 0))
            if plain:
                pipe.zrem(WITH_TRUTH, *plain)
            pipe.execute()

    def _first(self, low: str) -> str | None:
        with records_guard():
            members = self._redis.zrange(ALL, low, "+", bylex=True, offset=0, num=1)
        return members[0].decode() if members else None


def encode(image: Image) -> bytes:
    """The JSON of an entry, as it is in the store and in Redis."""
    return image.model_dump_json(exclude_none=True).encode()


def _entry(image_id: str) -> str:
    return f"rm:image:{image_id}"


def _beyond(prefix: str) -> bytes:
    # Ids are ASCII: nothing that begins with the prefix comes behind this byte.
    return b"(" + prefix.encode() + b"\xff"
