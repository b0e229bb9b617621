"""Pictures for eyes, made from images and masks on demand, few at once and off the event loop."""

from __future__ import annotations

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.backends import Backends
from roadmask.errors import ImageMissing, ObjectNotFound
from roadmask.masks import decode_mask, overlay
from roadmask.pixels import decode, encode_jpeg
from storage.objects import image_key, thumbnail_key

THUMBNAIL_SIDE = 256
OVERLAY_PIXELS = 4_000_000
"""A larger image is scaled down for its overlay, which is for looking at, not for measuring."""


async def ensure_thumbnail(backends: Backends, sha256: str) -> None:
    """Make and store the image's thumbnail unless it is there.

    Raises `ImageUnreadable` and `ImageMissing`.
    """
    key = thumbnail_key(sha256)
    if await anyio.to_thread.run_sync(backends.store.exists, key):
        return
    jpeg = await anyio.to_thread.run_sync(_thumbnail, backends, sha256, limiter=backends.rendering)
    await anyio.to_thread.run_sync(backends.store.put, key, jpeg, "image/jpeg")


def overlay_jpeg(backends: Backends, image_sha256: str, mask_png: bytes) -> bytes:
    """The coloured mask over its image, a JPEG of at most `OVERLAY_PIXELS`.

    Raises `ImageMissing`.
    """
    import cv2

    image, mask = _pixels(backends, image_sha256), decode_mask(mask_png)
    scale = (OVERLAY_PIXELS / mask.size) ** 0.5
    image = _shrink(image, scale, cv2.INTER_AREA)
    return encode_jpeg(overlay(image, _shrink(mask, scale, cv2.INTER_NEAREST)))


def _thumbnail(backends: Backends, sha256: str) -> bytes:
    import cv2

    image = _pixels(backends, sha256, (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return encode_jpeg(_shrink(image, THUMBNAIL_SIDE / max(image.shape), cv2.INTER_AREA))


def _shrink(pixels: NDArray[np.uint8], scale: float, interpolation: int) -> NDArray[np.uint8]:
    """Scaled down, never up; no side becomes less than one pixel."""
    import cv2

    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    resized: NDArray[np.uint8] = cv2.resize(pixels, (width, height), interpolation=interpolation)
    return resized


def _pixels(
    backends: Backends, sha256: str, least: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """With `least` a large JPEG comes smaller, see `roadmask.pixels.decode`."""
    try:
        data = backends.store.get(image_key(sha256))
    except ObjectNotFound:
        raise ImageMissing(
            "The image's bytes are no longer in the object store. Upload it again."
        ) from None
    return decode(data, backends.settings.max_image_pixels, least)
