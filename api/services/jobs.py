"""Creation of jobs: from a request to the job record and the first messages."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from roadmask.errors import ImageNotFound, InvalidRequest
from roadmask.schemas.ids import check_image_id
from roadmask.schemas.images import Image
from roadmask.schemas.jobs import ImageRef, Job, JobCreate
from roadmask.schemas.pixels import RequestedPixels
from storage.access.caller import Caller
from storage.access.key_usage import KeyUsage
from storage.catalogue.catalogue import Catalogue
from storage.jobs.manifest import ManifestItem
from storage.jobs.records import Accepted, JobRecords
from storage.models.resolver import ModelResolver
from storage.queue import JobQueue
from storage.webhooks.policy import WebhookPolicy

log = logging.getLogger(__name__)

LOOKUP_BATCH = 1000
"""Images that are looked up in one round trip."""
MAX_MISSING = 100
"""Most unknown ids that an error lists."""
FIRST_MESSAGES = 8
"""Messages for a new job. Each starts a chunk, after which its worker sends the next message."""


@dataclass(frozen=True, slots=True)
class JobImage:
    """A catalogued image that a request selects."""

    image: Image
    custom_id: str | None = None
    """The client's name of the item; None for the filename of the image."""

    def item(self) -> ManifestItem:
        """The job item for this image."""
        name = self.custom_id or self.image.filename
        return ManifestItem(self.image.id, name, self.image.sha256, self.image.truth_sha256)


class JobService:
    """Creates and restarts jobs."""

    def __init__(
        self,
        records: JobRecords,
        catalogue: Catalogue,
        models: ModelResolver,
        queue: JobQueue,
        webhooks: WebhookPolicy,
        usage: KeyUsage,
    ) -> None:
        self._records = records
        self._catalogue = catalogue
        self._models = models
        self._queue = queue
        self._webhooks = webhooks
        self._usage = usage

    def create(self, request: JobCreate, caller: Caller, idempotency_key: str | None) -> Accepted:
        """Create the job of a request that names its images; see `create_from_items`.

        Also raises `ImageNotFound`, and `InvalidRequest` unless the request has exactly one of
        `images`, `dataset` and `prefix`.
        """
        images = self._requested_images(request, self._catalogue.seen_by(caller))
        return self.create_from_images(request, images, caller, idempotency_key)

    def create_from_refs(
        self,
        request: JobCreate,
        refs: Iterable[ImageRef],
        caller: Caller,
        idempotency_key: str | None,
        sha256: str,
    ) -> Accepted:
        """Create a job for a list of any length, with only a part of it in memory.

        `sha256` is the hash of the list. See `create_from_items`; also raises `ImageNotFound`.
        """
        images = self._look_up_all(refs, self._catalogue.seen_by(caller))
        return self.create_from_images(request, images, caller, idempotency_key, sha256)

    def create_from_images(
        self,
        request: JobCreate,
        images: Iterable[JobImage],
        caller: Caller,
        idempotency_key: str | None,
        list_sha256: str = "",
    ) -> Accepted:
        """Create a job for catalogued images; see `create_from_items`.

        A request without `pixels` gets the `pixels` of the catalogue entries. Also raises
        `InvalidRequest` if these differ between the images.
        """
        remaining = iter(images)
        first = next(remaining, None)
        if first is not None and request.pixels is None:
            catalogued = first.image.pixels
            pixels = RequestedPixels(**catalogued.given()) if catalogued else None
            request = request.model_copy(update={"pixels": pixels})
            remaining = _with_same_pixels(first.image, remaining)
        items = (each.item() for each in chain([first] if first else [], remaining))
        return self.create_from_items(request, items, caller, idempotency_key, list_sha256)

    def create_from_items(
        self,
        request: JobCreate,
        items: Iterable[ManifestItem],
        caller: Caller,
        idempotency_key: str | None,
        list_sha256: str = "",
    ) -> Accepted:
        """Record the job and send its first messages, unless its Idempotency-Key has a job already.

        The job keeps the model version to which its model name resolves now.
        Raises `ModelNotFound`, `IdempotencyConflict`, `QueueFull`, `QuotaExceeded`,
        `InvalidRequest` and `WebhookNotAllowed`.
        """
        if request.webhook is not None:
            self._webhooks.check(request.webhook)
        if request.pixels == RequestedPixels():
            # An empty `pixels` overrides the dataset: the samples are read as they are stored.
            request = request.model_copy(update={"pixels": None})
        model = self._models.resolve(request.model)
        self._models.check_quality(model, request.quality)
        with self._usage.reserve(caller, idempotency_key) as reservation:
            accepted = self._records.create(
                request,
                reservation.taking(items),
                idempotency_key,
                model,
                list_sha256,
                caller.owner,
                messages=FIRST_MESSAGES,
            )
            if not accepted.is_replay:
                reservation.count()
        job = accepted.job
        if not accepted.is_replay:
            facts = {"job_id": job.id, "lane": job.lane.value, "items": job.counts.total}
            log.info("job accepted", extra=facts)
        return accepted

    def retry(self, job_id: str) -> Job:
        """Run the failed items of an ended job again. Raises `JobNotFound` and `JobClosed`."""
        job = self._records.retry(job_id)
        try:
            self._queue.send(job.id, job.lane, min(job.counts.queued, FIRST_MESSAGES))
        except Exception as error:
            # The retry is recorded, so the reconciler sends messages later.
            log.warning(
                "Job %s waits for the reconciler, because its first messages were not sent: %r",
                job.id,
                error,
            )
        return job

    def _requested_images(self, request: JobCreate, catalogue: Catalogue) -> Iterator[JobImage]:
        ways = [way for way in (request.images, request.dataset, request.prefix) if way is not None]
        if len(ways) != 1:
            raise InvalidRequest("Give exactly one of `images`, `dataset` and `prefix`.")
        if request.images is not None:
            return iter(self._look_up(request.images, catalogue))
        if request.dataset is not None:
            return self._walk(catalogue, f"{request.dataset}/", f"in dataset {request.dataset!r}")
        prefix = request.prefix or ""
        check_image_id(prefix.removesuffix("/"))
        return self._walk(catalogue, prefix, f"whose id begins with {prefix!r}")

    def _look_up_all(self, refs: Iterable[ImageRef], catalogue: Catalogue) -> Iterator[JobImage]:
        remaining = iter(refs)
        while batch := list(islice(remaining, LOOKUP_BATCH)):
            yield from self._look_up(batch, catalogue)

    def _look_up(self, refs: list[ImageRef], catalogue: Catalogue) -> list[JobImage]:
        images: list[JobImage] = []
        missing: list[str] = []
        for start in range(0, len(refs), LOOKUP_BATCH):
            batch = refs[start : start + LOOKUP_BATCH]
            found = catalogue.get_many([ref.id for ref in batch])
            for ref, image in zip(batch, found, strict=True):
                if image is None:
                    missing.append(ref.id)
                else:
                    images.append(JobImage(image, ref.custom_id))
        if missing:
            raise ImageNotFound(
                f"{len(missing)} of {len(refs)} images are unknown, the first is {missing[0]!r}. "
                "Upload them, or list the known images with GET /v1/images.",
                missing=missing[:MAX_MISSING],
            )
        return images

    def _walk(self, catalogue: Catalogue, prefix: str, which: str) -> Iterator[JobImage]:
        images = catalogue.walk(prefix)
        first = next(images, None)
        if first is None:
            raise ImageNotFound(
                f"There are no images {which}. GET /v1/datasets lists the datasets."
            )
        return map(JobImage, chain([first], images))


def _with_same_pixels(first: Image, images: Iterable[JobImage]) -> Iterator[JobImage]:
    """Yield the images. Raises `InvalidRequest` if their `pixels` differ from those of `first`."""
    for each in images:
        if each.image.pixels != first.pixels:
            one, other = (image.pixels or "nothing" for image in (first, each.image))
            raise InvalidRequest(
                f"The datasets of {first.id} and {each.image.id} say different things about their "
                f"pixels: {one} and {other}. State `pixels` for this job, or create a job for each."
            )
        yield each
