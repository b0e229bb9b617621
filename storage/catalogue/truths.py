"""Annotated masks in the store and their sizes.

Redis caches the sizes. A size that is not cached is read from the store. So an emptied Redis costs
time, but clients need not upload masks again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redis import Redis

from roadmask.errors import InvalidRequest, ObjectNotFound, TruthNotFound
from roadmask.hashing import sha256_of
from roadmask.images.sniffing import sniff
from roadmask.schemas.images import Image
from storage.connections import records_guard
from storage.objects.keys import truth_key
from storage.objects.store import ObjectStore

log = logging.getLogger(__name__)

SIZES = "rm:truths"
"""Hash from the sha256 of a mask to its size, such as `640x480`."""
THREADS = 8
"""Masks that are read in parallel."""
MAX_PIXELS = 2**30

Size = tuple[int, int]
"""Width and height, pixels."""


class Truths:
    """Annotated masks by the sha256 (hex) of their canonical PNG."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis: Any = redis
        self._store = store

    def sizes(self, sha256s: Sequence[str]) -> dict[str, Size]:
        """Return the sizes of those of the masks that were uploaded."""
        if not sha256s:
            return {}
        with records_guard():
            values = self._redis.hmget(SIZES, sha256s)
        known = {
            sha256: _parse(value) for sha256, value in zip(sha256s, values, strict=True) if value
        }
        unknown = list(set(sha256s) - known.keys())
        with ThreadPoolExecutor(THREADS) as pool:
            read = zip(unknown, pool.map(self._read, unknown), strict=True)
            found = {sha256: size for sha256, size in read if size}
        if found:
            with records_guard():
                self._redis.hset(SIZES, mapping={key: f"{w}x{h}" for key, (w, h) in found.items()})
        return known | found

    def forget(self, sha256: str) -> None:
        """Forget the size of a mask whose stored bytes are damaged or missing."""
        with records_guard():
            self._redis.hdel(SIZES, sha256)

    def check(self, images: Iterable[Image], visible: set[str]) -> None:
        """Check that the truths of these images were uploaded and have the sizes of the images.

        Only truths in `visible` count as uploaded. Raises `TruthNotFound` with the hashes in
        `missing`, or `InvalidRequest`.
        """
        annotated = {image.id: image for image in images if image.truth_sha256}
        wanted = {image.truth_sha256 for image in annotated.values() if image.truth_sha256}
        sizes = self.sizes(sorted(wanted & visible))
        if missing := sorted(wanted - sizes.keys()):
            raise TruthNotFound(
                f"{len(missing)} of these annotated masks were not uploaded: {missing[0]}… Upload "
                "them first; `missing` lists them.",
                missing=missing,
            )
        for image in annotated.values():
            width, height = sizes[str(image.truth_sha256)]
            if (width, height) != (image.width, image.height):
                raise InvalidRequest(
                    f"The annotated mask of {image.id} has {width}x{height} pixels, but the image "
                    f"has {image.width}x{image.height} as shown. Both must be the same."
                )

    def _read(self, sha256: str) -> Size | None:
        try:
            png = self._store.get(truth_key(sha256))
        except ObjectNotFound:
            return None
        if sha256_of(png) != sha256:
            log.error("The stored truth %s is damaged: upload it again", sha256)
            return None
        facts = sniff(png, MAX_PIXELS)
        return facts.width, facts.height


def _parse(size: bytes) -> Size:
    width, _, height = size.partition(b"x")
    return int(width), int(height)
