"""Renderings: the masks of items in every format, made on demand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import anyio
import anyio.to_thread

from api.links import Links
from api.services.previews import THUMBNAIL_SIDE, PreviewService
from roadmask.errors import (
    ConfidenceNotFound,
    InvalidRequest,
    ItemError,
    ManifestUnreadable,
    MaskDamaged,
    MaskNotFound,
    NotFound,
    ObjectNotFound,
)
from roadmask.masks.codec import decode_mask, encode_mask, index_png
from roadmask.masks.formats.masked_image import MaskedImage
from roadmask.masks.formats.render import render
from roadmask.schemas.jobs import Item, Job, Result
from roadmask.schemas.mask_formats import MaskFormat
from storage.jobs.manifest import PART, ManifestItem, read_range
from storage.jobs.records import JobRecords
from storage.masks.facts import read_mask
from storage.objects.keys import confidence_key
from storage.objects.store import ObjectStore

log = logging.getLogger(__name__)


class RenderingService:
    """Renders the masks of items. `limiter` bounds the parallel calls of `render`."""

    def __init__(
        self,
        store: ObjectStore,
        records: JobRecords,
        links: Links,
        previews: PreviewService,
        limiter: anyio.CapacityLimiter,
    ) -> None:
        self._store = store
        self._records = records
        self._links = links
        self._previews = previews
        self._limiter = limiter

    async def render(self, job_id: str, item: Item, mask_format: MaskFormat) -> bytes:
        """The item's mask in this format, rendered in a thread; see `render_now`."""
        # No limit for formats that only read the stored PNG, or change its header.
        read = mask_format in (MaskFormat.PNG, MaskFormat.INDEX)
        limiter = None if read else self._limiter
        return await anyio.to_thread.run_sync(
            self.render_now, job_id, item, mask_format, limiter=limiter
        )

    async def thumbnail(self, item: Item) -> bytes:
        """The item's mask at the size of a thumbnail, as an indexed PNG. Raises `MaskNotFound`."""

        def shrink() -> bytes:
            mask = decode_mask(self._mask_png(item))
            # Take every nth pixel: an average of category indices would have no meaning.
            step = max(1, -(-max(mask.shape) // THUMBNAIL_SIDE))
            return encode_mask(mask[::step, ::step].copy())

        return await anyio.to_thread.run_sync(shrink, limiter=self._limiter)

    def render_now(self, job_id: str, item: Item, mask_format: MaskFormat) -> bytes:
        """The item's mask in this format.

        Raises `MaskNotFound`, `MaskDamaged` and `ConfidenceNotFound`. A format that contains the
        name of the image also raises `ManifestUnreadable`, and an overlay `ImageMissing`.
        """
        if mask_format is MaskFormat.CONFIDENCE:
            return self._confidence_png(item)
        png = self._mask_png(item)
        if mask_format is MaskFormat.PNG:
            return png
        if mask_format is MaskFormat.INDEX:
            return index_png(png)
        source = self._source(job_id, item)
        if mask_format is MaskFormat.OVERLAY:
            return self._previews.overlay(source.sha256, png, result_of(item).pixels)
        image = self._masked_image(item, source, png)
        if mask_format is MaskFormat.NPZ:
            with suppress(ConfidenceNotFound):
                image = replace(image, confidence=decode_mask(self._confidence_png(item)))
        return render(image, mask_format)

    def has_confidence(self, item: Item) -> bool:
        """Whether the confidence of the item's mask is stored. Raises `MaskNotFound`."""
        return self._store.exists(confidence_key(result_of(item).mask_key))

    def masked_images(self, job_id: str) -> Iterator[MaskedImage]:
        """The finished items of a job, in order, one at a time in memory."""
        for item in self._records.iter_items(job_id):
            if item.result is None:
                continue
            try:
                image = self._masked_image(item, self._source(job_id, item), self._mask_png(item))
            except (NotFound, ItemError) as error:
                log.warning("job %s: item %d is left out: %s", job_id, item.index, error.detail)
                continue
            yield image

    def names(self, job: Job, start: int, stop: int | None) -> Iterator[str]:
        """The names of a job's images from `start` to `stop` (exclusive, by default the end)."""
        end = job.counts.total if stop is None else min(stop, job.counts.total)
        for first in range(start, end, PART):
            for item in read_range(self._store, job.id, first, min(first + PART, end)):
                yield item.custom_id or item.image if item else ""

    def _mask_png(self, item: Item) -> bytes:
        return read_mask(self._store, result_of(item))

    def _confidence_png(self, item: Item) -> bytes:
        try:
            return self._store.get(confidence_key(result_of(item).mask_key))
        except ObjectNotFound:
            raise ConfidenceNotFound(
                f"No confidence was computed for image {item.image_id}. Submit a job for it with "
                '`"confidence": true` and ask again when the job has ended.'
            ) from None

    def _source(self, job_id: str, item: Item) -> ManifestItem:
        [source] = read_range(self._store, job_id, item.index, item.index + 1)
        if source is None:
            raise ManifestUnreadable(
                "The line of this item in the job's manifest cannot be read, so its image is not "
                "known. The format `png` of its mask needs no image."
            )
        return source

    def _masked_image(self, item: Item, source: ManifestItem, png: bytes) -> MaskedImage:
        try:
            mask = decode_mask(png)
        except InvalidRequest:
            raise MaskDamaged(
                "The mask in the object store is damaged. A new job for the image makes it again."
            ) from None
        return MaskedImage(
            mask,
            image_id=item.image_id,
            index=item.index,
            filename=item.custom_id or "",
            model=result_of(item).artifact,
            url=self._links.content(source.sha256),
        )


def result_of(item: Item) -> Result:
    """The result of a succeeded item. Raises `MaskNotFound` for any other."""
    if item.result is None:
        raise MaskNotFound(
            f"Item {item.index} is {item.state}: it has no mask"
            + (f" ({item.error.title})." if item.error else " yet. Wait for its job.")
        )
    return item.result
