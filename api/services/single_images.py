"""Jobs of one image whose client waits for the mask in the same request."""

from __future__ import annotations

from dataclasses import replace

from api.bodies.uploads import Upload
from api.links import Links
from api.services.images import ImageService
from api.services.jobs import JobImage, JobService
from roadmask.errors import JobClosed, RoadmaskError, error_classes
from roadmask.schemas.ids import MAX_ID
from roadmask.schemas.jobs import ImageRef, Item, ItemState, JobCreate, Lane
from storage.access.caller import Caller
from storage.jobs.records import Accepted


class SingleImageService:
    """Stores an image, creates its interactive job, and checks how the item ended."""

    def __init__(self, images: ImageService, jobs: JobService, links: Links) -> None:
        self._images = images
        self._jobs = jobs
        self._links = links

    def accept(
        self,
        upload: Upload,
        caller: Caller,
        request: JobCreate | None = None,
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Store the image and create its job. `request` has no images.

        Raises the errors of `ImageService.add` and `JobService.create_from_images`.
        """
        named = replace(upload, filename=name) if name else upload
        image, _ = self._images.add(named, caller)
        custom_id = (name or "")[-MAX_ID:] or None
        ref = ImageRef(id=image.id, custom_id=custom_id)
        update = {"images": [ref], "lane": Lane.INTERACTIVE}
        job_create = (request or JobCreate()).model_copy(update=update)
        selected = [JobImage(image, custom_id)]
        return self._jobs.create_from_images(job_create, selected, caller, idempotency_key)

    def ended(self, item: Item, job_id: str) -> Item | None:
        """Return the item if it succeeded, and None while it is open.

        Raises the error of a failed item, and `JobClosed` if the job ended before the item. Both
        errors have a member `job` with the URL of the job.
        """
        url = self._links.job_url(job_id)
        if item.error is not None:
            error = error_classes().get(item.error.code, RoadmaskError)
            raise error(item.error.detail, job=url)
        if item.state is ItemState.CANCELED:
            raise JobClosed(
                "The job ended before the image was segmented. Send the image again.", job=url
            )
        return item if item.result else None
