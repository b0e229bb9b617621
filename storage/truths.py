"""Annotated masks in the store: which were uploaded, and how large they are.

Their sizes are kept in Redis once they were read. What is not there is looked for in the store, so
an emptied Redis costs time but no upload.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redis import Redis

from roadmask.errors import InvalidRequest, ObjectNotFound, TruthNotFound
from roadmask.images import Image
from roadmask.pixels import sniff
from storage.connections import records_guard
from storage.objects import ObjectStore, truth_key

SIZES = "rm:truths"
THREADS = 8
"""Masks read at once."""
MAX_PIXELS = 2**30

Size = tuple[int, int]
"""Width and height, pixels."""


class Truths:
    """Annotated masks by the sha256 (hex) of their canonical PNG."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis: Any = redis
        self._store = store

    def sizes(self, sha256s: Sequence[str]) -> dict[str, Size]:
        """The sizes of those masks that were uploaded."""
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

    def check(self, images: Iterable[Image]) -> None:
        """Make sure that the images' truths were uploaded and have their images' sizes.

        Raises `TruthNotFound` with the hashes in `missing`, or `InvalidRequest`.
        """
        annotated = {image.id: image for image in images if image.truth_sha256}
        wanted = {image.truth_sha256 for image in annotated.values() if image.truth_sha256}
        sizes = self.sizes(sorted(wanted))
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
            facts = sniff(self._store.get(truth_key(sha256)), MAX_PIXELS)
        except ObjectNotFound:
            return None
        return facts.width, facts.height


def _parse(size: bytes) -> Size:
    width, _, height = size.partition(b"x")
    return int(width), int(height)
