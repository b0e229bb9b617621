"""Thumbnails and overlays: pictures for people, made on demand in a process of their own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import anyio.to_thread

from roadmask.errors import ImageMissing, ObjectNotFound
from roadmask.limited_process import LimitedProcess
from roadmask.schemas.pixels import Pixels
from storage.objects.keys import image_key, thumbnail_key
from storage.objects.store import ObjectStore

THUMBNAIL_SIDE = 256
"""Longer side of a thumbnail, of an image or a mask, pixels."""


class PreviewService:
    """Makes thumbnails and overlays, one at a time: only one image's pixels are in memory."""

    def __init__(self, store: ObjectStore, drawing: LimitedProcess, max_pixels: int) -> None:
        self._store = store
        self._drawing = drawing
        self._max_pixels = max_pixels
        self._limiter = anyio.CapacityLimiter(1)
        """Requests wait here for the process, without occupying a thread."""

    async def ensure_thumbnail(self, sha256: str, pixels: Pixels | None) -> str:
        """Store the image's thumbnail unless it is stored already; return its key.

        Raises `ItemError`, for example `ImageMissing`.
        """
        key = thumbnail_key(sha256, str(pixels or ""))
        if not await anyio.to_thread.run_sync(self._store.exists, key):
            make = partial(self._thumbnail, sha256, pixels)
            jpeg = await anyio.to_thread.run_sync(make, limiter=self._limiter)
            await anyio.to_thread.run_sync(self._store.put, key, jpeg, "image/jpeg")
        return key

    def overlay(self, image_sha256: str, mask_png: bytes, pixels: Pixels | None) -> bytes:
        """The coloured mask over its image as a JPEG, scaled down if it is large.

        Raises `ItemError`, for example `ImageMissing`.
        """
        blocks = self._blocks(image_sha256)
        return self._drawing.call("overlay", blocks, [mask_png], **self._options(pixels))

    def _thumbnail(self, sha256: str, pixels: Pixels | None) -> bytes:
        options = self._options(pixels) | {"side": THUMBNAIL_SIDE}
        return self._drawing.call("thumbnail", self._blocks(sha256), **options)

    def _options(self, pixels: Pixels | None) -> dict[str, Any]:
        given = pixels.given() if pixels else {}
        return {"max_pixels": self._max_pixels, "pixels": given}

    def _blocks(self, sha256: str) -> Iterator[bytes]:
        """The bytes of the image in blocks, so that they are never in memory as a whole."""
        try:
            return self._store.stream(image_key(sha256))
        except ObjectNotFound:
            raise ImageMissing(
                "The image's bytes are no longer in the object store. Upload it again."
            ) from None
