"""The request of a job in the object store (`job.json`), from which a lost record is rebuilt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from roadmask.errors import JobNotFound, RecordsUnavailable
from roadmask.hashing import sha256_of
from roadmask.schemas.jobs import JobCreate, Lane
from roadmask.schemas.mask_parameters import MaskParameters
from roadmask.schemas.media_types import JSON
from storage.jobs.keys import JOB_ID, idempotency_key
from storage.jobs.manifest import Items, ManifestItem, inline_items
from storage.objects.keys import JOB_FOLDERS, job_file_key, job_prefix
from storage.objects.store import ObjectStore
from storage.stored_record import FORMAT, check_fields, parse_fields
from storage.telemetry.log_context import log_context
from storage.wall_clock import wall_ms

LARGEST_CHUNK = 64
"""Most items in a chunk."""
CHUNKS = 16
"""Fewest chunks of a job that has enough items, so that several workers share it."""
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, after which there are no dates."""
MOST_ITEMS = 10**8
"""A larger number means that the file is damaged. Restoring a job takes a byte for each item."""
MOST_ROUNDS = 10**6
"""A larger number means that the file is damaged."""
INTERACTIVE_ITEMS = 8
"""A request without a lane is interactive up to this number of images."""


@dataclass(frozen=True, slots=True)
class JobFile:
    """A job as it was accepted, and its round."""

    id: str
    created_ms: Annotated[int, Field(ge=0, le=LATEST_MS)]
    total: Annotated[int, Field(ge=1, le=MOST_ITEMS)]
    chunk_size: Annotated[int, Field(ge=1, le=MOST_ITEMS)]
    lane: Lane
    model: str
    name: str | None
    error_threshold: float | None
    deadline_ms: int | None
    idempotency_key: str | None
    """Redis key of the client's Idempotency-Key."""
    fingerprint: str
    """SHA-256 of the request."""
    round: Annotated[int, Field(ge=0, le=MOST_ROUNDS)] = 0
    """Number of retries and rebuilds. The keys of sealed results name the round."""
    retried: int = 0
    """Round that began with the last retry. Failures of earlier rounds no longer count."""
    retried_ms: Annotated[int, Field(ge=0, le=LATEST_MS)] = 0
    """Time of the last retry, from which the deadline counts; 0 without one."""
    webhook: str | None = None
    """URL that is called when the job ends."""
    confidence: bool = False
    """Whether the confidence of each mask is stored, too."""
    parameters: MaskParameters = field(default_factory=MaskParameters)
    items: Items = ()
    """All items of a small job. Those of a larger job are in its manifest."""
    owner: str | None = None
    """Id of the API key that created the job; None without keys."""
    dataset: str | None = None
    """The dataset that the job was requested for; None for a list of images."""
    request_id: str | None = None
    """`X-Request-ID` of the request that created the job, for log lines."""
    record_format: int = FORMAT

    @property
    def deadline(self) -> int | None:
        """Time in ms at which the job expires; None without a deadline."""
        if self.deadline_ms is None:
            return None
        return (self.retried_ms or self.created_ms) + self.deadline_ms

    def record(self) -> dict[str, str | int | float]:
        """Return the first fields of the job's record in Redis."""
        fields: dict[str, str | int | float | None] = {
            "lane": self.lane,
            "model": self.model,
            "name": self.name,
            "total": self.total,
            "chunk_size": self.chunk_size,
            "chunks": -(-self.total // self.chunk_size),
            "error_threshold": self.error_threshold,
            "deadline_ms": self.deadline_ms,
            "round": self.round,
            "webhook": self.webhook,
            "confidence": 1 if self.confidence else None,
            "owner": self.owner,
            "dataset": self.dataset,
            "request_id": self.request_id,
            **self.parameters.flat(),
        }
        return {name: value for name, value in fields.items() if value is not None}


_JOB_FILE = TypeAdapter(JobFile)


def new_job_file(
    job_id: str,
    request: JobCreate,
    model: str,
    total: int,
    key: str | None,
    listing: str = "",
    items: tuple[ManifestItem, ...] = (),
    owner: str | None = None,
) -> JobFile:
    """Make the file of a new job with `total` items and the client's Idempotency-Key `key`.

    `items` are all items of a job without a manifest. `model` is the version to which the model
    name in the request resolves. `listing` is the sha256 of an image list that was uploaded
    separately.
    """
    lane = request.lane or default_lane(total)
    return JobFile(
        id=job_id,
        created_ms=wall_ms(),
        total=total,
        chunk_size=chunk_size(total),
        lane=lane,
        model=model,
        name=request.name,
        error_threshold=request.error_threshold,
        deadline_ms=int(request.deadline_s * 1000) if request.deadline_s is not None else None,
        idempotency_key=idempotency_key(key, owner) if key is not None else None,
        fingerprint=sha256_of(f"{_request_json(request)}{listing}".encode()),
        webhook=request.webhook,
        confidence=request.confidence,
        parameters=request.parameters,
        items=items,
        owner=owner,
        dataset=request.dataset,
        request_id=log_context().get("request_id"),
    )


def default_lane(total: int) -> Lane:
    """Return the lane of a job of this many items whose request names none."""
    return Lane.INTERACTIVE if total <= INTERACTIVE_ITEMS else Lane.BATCH


def chunk_size(total: int) -> int:
    """Items in a chunk: a power of two up to 64, for 16 chunks or more if the items suffice."""
    size = 1
    while size < LARGEST_CHUNK and size * 2 * CHUNKS <= total:
        size *= 2
    return size


def read_job_file(store: ObjectStore, job_id: str) -> JobFile:
    """Read the file of a job. Raises `ObjectNotFound` and `RecordUnreadable`."""
    fields, file = _read(store, job_id)
    return replace(file, items=inline_items(fields))


def write_job_file(store: ObjectStore, file: JobFile) -> None:
    """Write the file of a job."""
    fields = asdict(file)
    del fields["parameters"]
    content = json.dumps(fields | file.parameters.given()).encode()
    store.put(job_file_key(file.id), content, JSON)


def _request_json(request: JobCreate) -> str:
    """The JSON of a request for its fingerprint, without mask parameters that it leaves out.

    So the fingerprint of a request stays the same when a later version adds a parameter, and an
    Idempotency-Key outlives an upgrade of the service.
    """
    defaults = MaskParameters.model_fields.keys() - request.given().keys()
    return request.model_dump_json(exclude=defaults)


def begin_round(store: ObjectStore, job_id: str, round_: int, *, is_retry: bool = False) -> None:
    """Write the number of a new round into the file of a job.

    The other fields stay, including those of a newer version. Raises `ObjectNotFound` and
    `RecordUnreadable`.
    """
    fields, _ = _read(store, job_id)
    # A reconciler that was paused may call this after a retry has begun a later round.
    fields["round"] = max(round_, int(fields.get("round") or 0))
    if is_retry:
        fields |= {"retried": round_, "retried_ms": wall_ms()}
    store.put(job_file_key(job_id), json.dumps(fields).encode(), JSON)


def _read(store: ObjectStore, job_id: str) -> tuple[dict[str, Any], JobFile]:
    """Read the fields of the file, and the job without its items."""
    key = job_file_key(job_id)
    fields = parse_fields(key, store.get(key))
    members = {name: fields.get(name) for name in MaskParameters.model_fields}
    parameters = {name: value for name, value in members.items() if value is not None}
    # A `custom_id` may have lone surrogates, which only `inline_items` accepts.
    own = {**fields, "id": job_id, "parameters": parameters, "items": ()}
    return fields, check_fields(key, own, _JOB_FILE)


def stored_job_ids(store: ObjectStore) -> Iterator[str]:
    """The ids of all jobs that have an object in the store, in ascending order."""
    for job_id, _ in groupby(store.keys(JOB_FOLDERS), lambda key: key.split("/")[1]):
        if JOB_ID.fullmatch(job_id):
            yield job_id


def delete_job(store: ObjectStore, job_id: str) -> None:
    """Delete all objects of a job. Its file goes first, because no job is rebuilt without it."""
    for key in (job_file_key(job_id), *list(store.keys(job_prefix(job_id)))):
        store.delete(key)


def no_record_error(
    store: ObjectStore, job_id: str, records_are_complete: bool, unreadable: str | None
) -> JobNotFound | RecordsUnavailable:
    """Return the error for a job without a record.

    `RecordsUnavailable` if the job may come back: its file could not be read, for the cause
    `unreadable`, or an emptied Redis is still being rebuilt and the object store has the job. Else
    `JobNotFound`.
    """
    if unreadable is not None:
        return RecordsUnavailable(
            f"The record of this job is lost, and its file in the object store cannot be read now: "
            f"{unreadable} The service tries again every minute."
        )
    if not records_are_complete and store.exists(job_file_key(job_id)):
        return RecordsUnavailable(
            "The job records were lost and are being rebuilt from the object store. Nothing that "
            "was accepted is gone; try again in a moment."
        )
    return JobNotFound(
        f"There is no job {job_id!r}: check the id. Finished jobs are forgotten after a while."
    )
