"""Everything that can go wrong, as one tree.

    RoadmaskError
    ├── InvalidRequest          422  the request is malformed
    │   ├── InvalidId
    │   └── UnknownCategory
    ├── Unauthorized            401
    ├── NotFound                404
    │   ├── ImageNotFound  JobNotFound  ItemNotFound  ModelNotFound
    │   └── ObjectNotFound  TruthNotFound  MaskNotFound
    ├── Conflict                409
    │   ├── IdempotencyConflict  HashMismatch  JobClosed
    ├── LinkExpired             403  a signed link is wrong or too old
    ├── UploadTooLarge          413
    ├── QueueFull               429
    ├── Unavailable             503  a part of the service is out of reach: try again
    │   ├── RecordsUnavailable (Redis)  StoreUnavailable (object store)
    └── ItemError               an Item failed; the code says why
        ├── ImageEmpty  ImageUnreadable  ImageTooLarge  ImageAnimated
        ├── UnsupportedFormat (415)  ImageMissing  ModelFailed  DeadlineExceeded  WorkerCrashed

Each class knows its stable `code`, its HTTP `status`, a short `title` and whether trying the same
thing again can help. The message (`detail`) says what happened and what to do about it. The API
sends these as `application/problem+json` (RFC 9457); the client raises the same classes again.
"""

from __future__ import annotations

from typing import Any, ClassVar


class RoadmaskError(Exception):
    """Something went wrong in Roadmask."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Roadmask failed"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **extra: Any) -> None:
        """`detail` is for people; `extra` are JSON members that go beside it on the wire."""
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 problem object of this error, JSON-able."""
        return {
            "type": f"urn:roadmask:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "retryable": self.retryable,
            **self.extra,
        }


class InvalidRequest(RoadmaskError):
    """The request is malformed."""

    code, status, title = "invalid_request", 422, "The request is malformed"


class InvalidId(InvalidRequest):
    """An id is not of the form that ids have."""

    code, title = "invalid_id", "Not a valid id"


class UnknownCategory(InvalidRequest):
    """A category name that the taxonomy does not have."""

    code, title = "unknown_category", "No such category"


class Unauthorized(RoadmaskError):
    """No API key was given, or not one of this service's."""

    code, status, title = "unauthorized", 401, "An API key is needed"


class LinkExpired(RoadmaskError):
    """A signed link is too old, or its signature is wrong."""

    code, status, title = "link_expired", 403, "This link is no longer valid"


class NotFound(RoadmaskError):
    """There is nothing under that address."""

    code, status, title = "not_found", 404, "Not found"


class ImageNotFound(NotFound):
    """No image has that id."""

    code, title = "image_not_found", "No such image"


class TruthNotFound(NotFound):
    """The image has no annotated mask."""

    code, title = "truth_not_found", "No annotated mask"


class JobNotFound(NotFound):
    """No job has that id."""

    code, title = "job_not_found", "No such job"


class ItemNotFound(NotFound):
    """The job has no item with that index."""

    code, title = "item_not_found", "No such item"


class MaskNotFound(NotFound):
    """The item has no mask: it is not finished, or it failed."""

    code, title = "mask_not_found", "No mask yet"


class ModelNotFound(NotFound):
    """No model has that name."""

    code, title = "model_not_found", "No such model"


class ObjectNotFound(NotFound):
    """The object store holds nothing under that key."""

    code, title = "object_not_found", "No such object"


class Conflict(RoadmaskError):
    """The request contradicts the state of the service."""

    code, status, title = "conflict", 409, "Conflict"


class IdempotencyConflict(Conflict):
    """The same Idempotency-Key came with another request."""

    code, title = "idempotency_conflict", "Idempotency-Key was used for another request"


class HashMismatch(Conflict):
    """The bytes that came are not the ones that were announced."""

    code, title = "hash_mismatch", "The bytes do not have the announced sha256"


class JobClosed(Conflict):
    """The job's state does not allow this."""

    code, title = "job_closed", "The job's state does not allow this"


class UploadTooLarge(RoadmaskError):
    """The upload has more bytes than the service takes."""

    code, status, title = "upload_too_large", 413, "The upload is too large"


class QueueFull(RoadmaskError):
    """Too much is waiting already."""

    code, status, title, retryable = "queue_full", 429, "Too many jobs are waiting", True


class Unavailable(RoadmaskError):
    """A part of the service is out of reach for now."""

    code, status, title, retryable = "unavailable", 503, "Temporarily unavailable", True


class RecordsUnavailable(Unavailable):
    """Redis, where the job records live, does not answer."""

    code, title = "records_unavailable", "The job records are out of reach"


class StoreUnavailable(Unavailable):
    """The object store does not answer."""

    code, title = "store_unavailable", "The object store is out of reach"


class ItemError(RoadmaskError):
    """An Item failed for a cause of its own; its neighbours are not touched."""

    code, status, title = "item_failed", 422, "The image could not be segmented"


class ImageEmpty(ItemError):
    """The file has no bytes."""

    code, title = "image_empty", "The file is empty"


class ImageUnreadable(ItemError):
    """The bytes begin like an image but do not decode: truncated or corrupt."""

    code, title = "image_unreadable", "The image is damaged"


class ImageTooLarge(ItemError):
    """More pixels than the service decodes."""

    code, status, title = "image_too_large", 413, "The image has too many pixels"


class UnsupportedFormat(ItemError):
    """Not an image format that Roadmask reads."""

    code, status, title = "unsupported_format", 415, "Not a supported image format"


class ImageAnimated(ItemError):
    """More than one frame or page."""

    code, title = "image_animated", "The image has more than one frame"


class ImageMissing(ItemError):
    """The image's bytes are no longer in the object store."""

    code, title = "image_missing", "The image is no longer stored"


class ModelFailed(ItemError):
    """The model raised an error on this image alone."""

    code, title, retryable = "model_failed", "The model failed on this image", True


class DeadlineExceeded(ItemError):
    """The image took longer than one image may."""

    code, title, retryable = "deadline_exceeded", "The image took too long", True


class WorkerCrashed(ItemError):
    """Every attempt at this image ended with the worker's death."""

    code, title, retryable = "worker_crashed", "The worker died on this image", True


def error_classes() -> dict[str, type[RoadmaskError]]:
    """Every error class by its stable code, for rebuilding errors from the wire."""
    found: dict[str, type[RoadmaskError]] = {}
    pending: list[type[RoadmaskError]] = [RoadmaskError]
    while pending:
        cls = pending.pop()
        found.setdefault(cls.code, cls)
        pending.extend(cls.__subclasses__())
    return found
