"""All errors of Roadmask, as one tree.

    RoadmaskError
    ├── InvalidRequest          422  malformed: InvalidId  UnknownCategory  ConditionUnclear
    ├── Unauthorized  401  BodyCompressed  415  HeadTooLarge  431
    ├── NotFound                404
    │   ├── ImageNotFound  JobNotFound  ItemNotFound  ModelNotFound  DatasetNotFound
    │   ├── DatasetNotSegmented  ErasureNotFound  ObjectNotFound  TruthNotFound  MaskNotFound
    │   └── MaskDamaged  ConfidenceNotFound  DeliveryNotFound
    ├── Conflict                409: IdempotencyConflict  HashMismatch  SignatureInvalid  JobClosed
    ├── LinkExpired  WebhookNotAllowed  CrossSiteRequest  InsufficientScope  DatasetTaken     403
    ├── MethodNotAllowed  405  RequestTooSlow  408  UploadTooLarge  413  RangeUnsatisfiable  416
    ├── QueueFull  TooManyRequests  QuotaExceeded     429   NotInTime  504
    ├── Unavailable             503  a part of the service does not answer: try again
    │   ├── RecordsUnavailable (Redis)  StoreUnavailable (object store)
    │   └── WorkersUnavailable  ReconcilerStalled (by /readyz)  ServiceUnreachable (by the client)
    ├── RecordUnreadable             a stored record is damaged, or of an unknown format
    ├── IncompatibleService          the client cannot read an answer
    ├── VideoUnavailable  MaskNotWritten  TrainingStopped    a program cannot finish its work
    └── ItemError               an Item failed; the code says why
        ├── ImageEmpty  ImageUnreadable  ImageTooLarge  ImageAnimated  ImageMissing
        ├── UnsupportedFormat (415)  DeadlineExceeded  WorkerCrashed  DecoderCrashed  ModelFailed
        └── ModelNotLoaded  EngineNotFound  ManifestUnreadable  ResultUnreadable

Each class has a stable `code` (its name in snake case), a `title` (its docstring), an HTTP `status`
and `retryable`: whether the same request can succeed later. `detail` says what happened and what to
do. The API sends errors as `application/problem+json` (RFC 9457); the client raises these classes.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class RoadmaskError(Exception):
    """Roadmask failed."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Roadmask failed"
    retryable: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Derive `code` and `title`, so that neither can drift from the class."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.title = (cls.__doc__ or "").strip().rstrip(".")

    def __init__(self, detail: str, /, **extra: Any) -> None:
        """`detail` is for people; `extra` are further members of the problem object."""
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

    status = 422


class InvalidId(InvalidRequest):
    """Not a valid id."""


class UnknownCategory(InvalidRequest):
    """No such category."""


class ConditionUnclear(InvalidRequest):
    """The condition is malformed."""


class Unauthorized(RoadmaskError):
    """An API key is needed."""

    status = 401


class LinkExpired(RoadmaskError):
    """This link is no longer valid."""

    status = 403


class WebhookNotAllowed(RoadmaskError):
    """The webhook's host is not allowed."""

    status = 403


class InsufficientScope(RoadmaskError):
    """The key may not do this."""

    status = 403


class DatasetTaken(RoadmaskError):
    """The dataset or image does not belong to this key alone."""

    status = 403


class CrossSiteRequest(RoadmaskError):
    """The request comes from a page of another site."""

    status = 403


class NotFound(RoadmaskError):
    """Not found."""

    status = 404


class ImageNotFound(NotFound):
    """No such image."""


class TruthNotFound(NotFound):
    """No annotated mask."""


class JobNotFound(NotFound):
    """No such job."""


class ItemNotFound(NotFound):
    """No such item."""


class MaskNotFound(NotFound):
    """No mask yet."""


class MaskDamaged(NotFound):
    """The stored mask is damaged."""


class ConfidenceNotFound(NotFound):
    """No confidence was computed."""


class ModelNotFound(NotFound):
    """No such model."""


class DatasetNotFound(NotFound):
    """No such dataset."""


class DatasetNotSegmented(NotFound):
    """No job has segmented the dataset."""


class ErasureNotFound(NotFound):
    """No such erasure."""


class ObjectNotFound(NotFound):
    """No such object."""


class DeliveryNotFound(NotFound):
    """No webhook was due."""


class MethodNotAllowed(RoadmaskError):
    """This address does not support the method."""

    status = 405


class Conflict(RoadmaskError):
    """Conflict."""

    status = 409


class IdempotencyConflict(Conflict):
    """The Idempotency-Key belongs to another request."""


class HashMismatch(Conflict):
    """The bytes do not have the declared sha256."""


class SignatureInvalid(Conflict):
    """The model has no valid signature."""


class JobClosed(Conflict):
    """The job's state does not allow this."""


class UploadTooLarge(RoadmaskError):
    """The upload is too large."""

    status = 413


class BodyCompressed(RoadmaskError):
    """The request's body is compressed."""

    status = 415


class RequestTooSlow(RoadmaskError):
    """The request arrives too slowly."""

    status = 408
    retryable = True


class HeadTooLarge(RoadmaskError):
    """The request's head is too large."""

    status = 431


class TooManyRequests(RoadmaskError):
    """Too many requests."""

    status = 429
    retryable = True


class QuotaExceeded(RoadmaskError):
    """The key's quota is used up."""

    status = 429


class RangeUnsatisfiable(RoadmaskError):
    """The answer has no such bytes."""

    status = 416


class QueueFull(RoadmaskError):
    """Too many jobs are waiting."""

    status = 429
    retryable = True


class NotInTime(RoadmaskError):
    """The mask was not ready in time."""

    status = 504
    retryable = True


class Unavailable(RoadmaskError):
    """Temporarily unavailable."""

    status = 503
    retryable = True


class RecordsUnavailable(Unavailable):
    """The job records are unavailable."""


class StoreUnavailable(Unavailable):
    """The object store is unavailable."""


class WorkersUnavailable(Unavailable):
    """No worker can do the work."""


class ReconcilerStalled(Unavailable):
    """The reconciler does no rounds."""


class ServiceUnreachable(Unavailable):
    """The service does not answer."""


class RecordUnreadable(RoadmaskError):
    """A stored record cannot be read."""


class IncompatibleService(RoadmaskError):
    """The service is of another version, or another server."""


class VideoUnavailable(RoadmaskError):
    """The video cannot be written here."""


class MaskNotWritten(RoadmaskError):
    """The mask cannot be written."""


class TrainingStopped(RoadmaskError):
    """Training stopped before its end."""


class ItemError(RoadmaskError):
    """The image could not be segmented."""

    status = 422


class ImageEmpty(ItemError):
    """The file is empty."""


class ImageUnreadable(ItemError):
    """The image is damaged."""


class ImageTooLarge(ItemError):
    """The image has too many pixels."""

    status = 413


class UnsupportedFormat(ItemError):
    """Not a supported image format."""

    status = 415


class ImageAnimated(ItemError):
    """The image has more than one frame."""


class ImageMissing(ItemError):
    """The image is no longer stored."""


class ModelFailed(ItemError):
    """The model failed on this image."""

    retryable = True


class ModelNotLoaded(ItemError):
    """The model cannot be loaded."""

    retryable = True


class EngineNotFound(ItemError):
    """The worker has no engine for this model."""

    retryable = True


class DeadlineExceeded(ItemError):
    """The image took too long."""

    retryable = True


class WorkerCrashed(ItemError):
    """The worker died on this image."""

    retryable = True


class DecoderCrashed(ItemError):
    """The decoder died on this image."""

    retryable = True


class ManifestUnreadable(ItemError):
    """The list of the job's images is damaged."""

    retryable = True


class ResultUnreadable(ItemError):
    """The stored result is damaged."""

    retryable = True


def error_classes() -> dict[str, type[RoadmaskError]]:
    """Every error class by its code."""
    classes = [RoadmaskError]
    for cls in classes:
        classes.extend(cls.__subclasses__())
    return {cls.code: cls for cls in classes}
