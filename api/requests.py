"""From a request for a job to its list of items."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from api.backends import Backends
from roadmask.errors import ImageNotFound, InvalidRequest, Unavailable
from roadmask.images import Image, check_image_id
from roadmask.jobs import ImageRef, Job, JobCreate
from storage.manifest import ManifestItem

log = logging.getLogger(__name__)

LOOKUPS = 1000
"""Images looked up in one round trip."""
SHOWN = 100
"""How many unknown ids an error names."""
FIRST_MESSAGES = 8
"""Messages a job starts with: so many chunks are begun at once, and each sends for the next."""


def accept(
    backends: Backends,
    request: JobCreate,
    items: Iterable[ManifestItem],
    key: str | None,
    listing: str = "",
) -> tuple[Job, bool]:
    """Record the job and wake workers for it; True when `key` had made it before.

    Its model is the version that the name stands for now, whatever is promoted later; `listing` is
    the sha256 of a list of images that came apart from the request. Raises
    `ModelNotFound`, `IdempotencyConflict`, `QueueFull`, `InvalidRequest` and `WebhookNotAllowed`.
    """
    if request.webhook is not None:
        backends.webhook_policy.check(request.webhook)
    model = backends.model_names.pin(request.model)
    job, replayed = backends.records.create(request, items, key, model, listing)
    if not replayed:
        wake(backends, job)
    return job, replayed


def wake(backends: Backends, job: Job) -> None:
    """Send word of the job's work to its lane."""
    try:
        backends.dispatch.send(job.id, job.lane, min(job.counts.queued, FIRST_MESSAGES))
    except Unavailable:
        # The job is on record, so the reconciler sends for it: it must not look refused.
        log.warning("Job %s waits for the reconciler: its first messages were lost.", job.id)


def items_of(backends: Backends, request: JobCreate) -> Iterator[ManifestItem]:
    """The items the request asks for, in order.

    Raises `InvalidRequest` unless it names images in one way, `ImageNotFound` for unknown ones.
    """
    ways = [way for way in (request.images, request.dataset, request.prefix) if way is not None]
    if len(ways) != 1:
        raise InvalidRequest("Give exactly one of `images`, `dataset` and `prefix`.")
    if request.images is not None:
        return iter(_listed(backends, request.images))
    if request.dataset is not None:
        return _walked(backends, f"{request.dataset}/", f"dataset {request.dataset!r}")
    prefix = request.prefix or ""
    check_image_id(prefix.removesuffix("/"))
    return _walked(backends, prefix, f"ids that begin with {prefix!r}")


def looked_up(backends: Backends, refs: Iterable[ImageRef]) -> Iterator[ManifestItem]:
    """The items of a list of any length, some of it in memory. Raises `ImageNotFound`."""
    remaining = iter(refs)
    while part := list(islice(remaining, LOOKUPS)):
        yield from _listed(backends, part)


def _listed(backends: Backends, refs: list[ImageRef]) -> list[ManifestItem]:
    items: list[ManifestItem] = []
    missing: list[str] = []
    for start in range(0, len(refs), LOOKUPS):
        part = refs[start : start + LOOKUPS]
        found = backends.catalogue.get_many([ref.id for ref in part])
        for ref, image in zip(part, found, strict=True):
            if image is None:
                missing.append(ref.id)
            else:
                items.append(_item(image, ref.custom_id))
    if missing:
        raise ImageNotFound(
            f"{len(missing)} of {len(refs)} images are unknown, the first is {missing[0]!r}. "
            "Upload them, or list what there is at /v1/images.",
            missing=missing[:SHOWN],
        )
    return items


def _walked(backends: Backends, prefix: str, what: str) -> Iterator[ManifestItem]:
    images = backends.catalogue.walk(prefix)
    first = next(images, None)
    if first is None:
        raise ImageNotFound(f"There are no images of {what}. GET /v1/datasets lists what there is.")
    return (_item(image, None) for image in chain([first], images))


def _item(image: Image, custom_id: str | None) -> ManifestItem:
    return ManifestItem(image.id, custom_id, image.sha256, image.truth_sha256)
