"""Renderings: the masks of items in every form, made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from api.backends import Backends
from api.previews import overlay_jpeg
from roadmask.errors import ConfidenceNotFound, MaskNotFound, ObjectNotFound
from roadmask.formats.masked_image import MaskedImage
from roadmask.formats.render import render
from roadmask.jobs import Item, Result
from roadmask.mask_formats import MaskFormat
from roadmask.masks import decode_mask
from storage.manifest import ManifestItem, read_range
from storage.objects import confidence_key


def render_item(backends: Backends, job_id: str, item: Item, form: MaskFormat) -> bytes:
    """The item's mask in this form.

    Raises `MaskNotFound`; for an overlay also `ImageMissing`, and `ConfidenceNotFound`.
    """
    if form is MaskFormat.CONFIDENCE:
        return _confidence(backends, item)
    png = _stored(backends, item)
    if form is MaskFormat.PNG:
        return png
    source = _source(backends, job_id, item)
    if form is MaskFormat.OVERLAY:
        return overlay_jpeg(backends, source.sha256, png)
    image = _masked(backends, item, source, png)
    if form is MaskFormat.NPZ:
        with suppress(ConfidenceNotFound):
            image = replace(image, confidence=decode_mask(_confidence(backends, item)))
    return render(image, form)


def masked_images(backends: Backends, job_id: str) -> Iterator[MaskedImage]:
    """The finished items of a job, in order, one at a time in memory."""
    for item in backends.records.results(job_id):
        if item.result is None:
            continue
        try:
            png = _stored(backends, item)
        except MaskNotFound:
            continue
        yield _masked(backends, item, _source(backends, job_id, item), png)


def result_of(item: Item) -> Result:
    """What a succeeded item has. Raises `MaskNotFound` for another."""
    if item.result is None:
        raise MaskNotFound(
            f"Item {item.index} is {item.state}: it has no mask"
            + (f" ({item.error.title})." if item.error else " yet. Wait for its job.")
        )
    return item.result


def _stored(backends: Backends, item: Item) -> bytes:
    try:
        return backends.store.get(result_of(item).mask_key)
    except ObjectNotFound:
        raise MaskNotFound("The mask was deleted from the object store.") from None


def _confidence(backends: Backends, item: Item) -> bytes:
    try:
        return backends.store.get(confidence_key(result_of(item).mask_key))
    except ObjectNotFound:
        raise ConfidenceNotFound(
            f"No confidence was computed for image {item.image_id}. Submit a job for it with "
            '`"confidence": true` and ask again once that has ended.'
        ) from None


def _source(backends: Backends, job_id: str, item: Item) -> ManifestItem:
    [source] = read_range(backends.store, job_id, item.index, item.index + 1)
    return source


def _masked(backends: Backends, item: Item, source: ManifestItem, png: bytes) -> MaskedImage:
    return MaskedImage(
        decode_mask(png),
        image_id=item.image_id,
        index=item.index,
        model=result_of(item).artifact,
        url=backends.links.content(source.sha256),
    )
