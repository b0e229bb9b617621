"""Everything that can go wrong, as one tree.

    RoadmaskError
    ├── InvalidRequest          422  the request is malformed
    │   └── InvalidId  UnknownCategory  ConditionUnclear
    ├── Unauthorized            401
    ├── NotFound                404
    │   ├── ImageNotFound  JobNotFound  ItemNotFound  ModelNotFound
    │   └── ObjectNotFound  TruthNotFound  MaskNotFound  ConfidenceNotFound  DeliveryNotFound
    ├── MethodNotAllowed        405
    ├── Conflict                409
    │   ├── IdempotencyConflict  HashMismatch  JobClosed
    ├── LinkExpired  WebhookNotAllowed  CrossSiteRequest     403
    ├── UploadTooLarge          413
    ├── QueueFull               429
    ├── NotInTime               504  a call that waits for its mask has waited long enough
    ├── Unavailable             503  a part of the service is out of reach: try again
    │   ├── RecordsUnavailable (Redis)  StoreUnavailable (object store)
    │   └── ServiceUnreachable (raised by the client: nothing answers at the URL)
    ├── VideoUnavailable             this machine cannot write the video
    ├── TrainingStopped              a training run ended before its last epoch
    └── ItemError               an Item failed; the code says why
        ├── ImageEmpty  ImageUnreadable  ImageTooLarge  ImageAnimated
        ├── UnsupportedFormat (415)  ImageMissing  ModelFailed  DeadlineExceeded  WorkerCrashed

Each class has a stable `code` (its name in snake case), a short `title` (its docstring), an HTTP
`status`, and says whether trying the same thing again can help. The message (`detail`) says what
happened and what to do about it. The API sends these as `application/problem+json` (RFC 9457);
the client raises the same classes again.
"""

from __future__ import annotations

from roadmask.failure import RoadmaskError as RoadmaskError


class InvalidRequest(RoadmaskError):
    """The request is malformed."""

    status = 422


class InvalidId(InvalidRequest):
    """Not a valid id."""


class UnknownCategory(InvalidRequest):
    """No such category."""


class ConditionUnclear(InvalidRequest):
    """The condition cannot be understood."""


class Unauthorized(RoadmaskError):
    """An API key is needed."""

    status = 401


class LinkExpired(RoadmaskError):
    """This link is no longer valid."""

    status = 403


class WebhookNotAllowed(RoadmaskError):
    """No webhook may go there."""

    status = 403


class CrossSiteRequest(RoadmaskError):
    """The request is of another site's page."""

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


class ConfidenceNotFound(NotFound):
    """No confidence was computed."""


class ModelNotFound(NotFound):
    """No such model."""


class ObjectNotFound(NotFound):
    """No such object."""


class DeliveryNotFound(NotFound):
    """No webhook was due."""


class MethodNotAllowed(RoadmaskError):
    """Not possible at this address."""

    status = 405


class Conflict(RoadmaskError):
    """Conflict."""

    status = 409


class IdempotencyConflict(Conflict):
    """Idempotency-Key was used for another request."""


class HashMismatch(Conflict):
    """The bytes do not have the announced sha256."""


class JobClosed(Conflict):
    """The job's state does not allow this."""


class UploadTooLarge(RoadmaskError):
    """The upload is too large."""

    status = 413


class QueueFull(RoadmaskError):
    """Too many jobs are waiting."""

    status = 429
    retryable = True


class NotInTime(RoadmaskError):
    """Not done in time."""

    status = 504
    retryable = True


class Unavailable(RoadmaskError):
    """Temporarily unavailable."""

    status = 503
    retryable = True


class RecordsUnavailable(Unavailable):
    """The job records are out of reach."""


class StoreUnavailable(Unavailable):
    """The object store is out of reach."""


class ServiceUnreachable(Unavailable):
    """The service does not answer."""


class VideoUnavailable(RoadmaskError):
    """The video cannot be written here."""


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


class DeadlineExceeded(ItemError):
    """The image took too long."""

    retryable = True


class WorkerCrashed(ItemError):
    """The worker died on this image."""

    retryable = True


def error_classes() -> dict[str, type[RoadmaskError]]:
    """Every error class by its stable code, for rebuilding errors from the wire."""

    def tree(root: type[RoadmaskError]) -> list[type[RoadmaskError]]:
        return [root, *(cls for child in root.__subclasses__() for cls in tree(child))]

    return {cls.code: cls for cls in tree(RoadmaskError)}
