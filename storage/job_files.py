"""The request of a job in the object store: what brings a job back when Redis was emptied."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from time import time

from roadmask.errors import JobNotFound, RecordsUnavailable
from roadmask.jobs import JobCreate, Lane
from storage.job_keys import idempotency_key
from storage.manifest import ManifestItem, few_items
from storage.objects import ObjectStore, job_file_key

LARGEST_CHUNK = 64
CHUNKS = 16
"""Parts a job is cut into at least, where it has so many items: so several workers share it."""
INTERACTIVE_ITEMS = 8
"""A job that names no lane is interactive up to this many images."""


@dataclass(frozen=True, slots=True)
class JobFile:
    """`job.json`: a job as it was accepted, and how often it was opened again."""

    id: str
    created_ms: int
    total: int
    chunk_size: int
    lane: Lane
    model: str
    name: str | None
    error_threshold: float | None
    deadline_ms: int | None
    idempotency_key: str | None
    fingerprint: str
    round: int = 0
    """Counts retries and rebuilds: results are sealed under names of their round."""
    retried: int = 0
    """The round that the last retry began: failures of earlier ones no longer count."""
    webhook: str | None = None
    """URL that is told how the job ended."""
    confidence: bool = False
    """Whether masks get their confidence beside them."""
    items: tuple[ManifestItem, ...] = ()
    """All items of a job that has few; those of others are in its manifest."""

    def record(self) -> dict[str, str | int | float]:
        """What the job's record in Redis begins with."""
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
        }
        return {name: value for name, value in fields.items() if value is not None}


def job_file(
    job_id: str,
    request: JobCreate,
    model: str,
    total: int,
    key: str | None,
    listing: str = "",
    items: tuple[ManifestItem, ...] = (),
) -> JobFile:
    """What is written down of a request with `total` items and the client's Idempotency-Key.

    `items` are all of them where they have no manifest; `model` is what the request's name of one
    stands for now, `listing` the sha256 of its list of images where that came apart from it.
    """
    lane = request.lane or (Lane.INTERACTIVE if total <= INTERACTIVE_ITEMS else Lane.BATCH)
    return JobFile(
        id=job_id,
        created_ms=int(time() * 1000),
        total=total,
        chunk_size=chunk_size(total),
        lane=lane,
        model=model,
        name=request.name,
        error_threshold=request.error_threshold,
        deadline_ms=int(request.deadline_s * 1000) if request.deadline_s is not None else None,
        idempotency_key=idempotency_key(key) if key is not None else None,
        fingerprint=hashlib.sha256(f"{request.model_dump_json()}{listing}".encode()).hexdigest(),
        webhook=request.webhook,
        confidence=request.confidence,
        items=items,
    )


def chunk_size(total: int) -> int:
    """Items in a chunk: a power of two up to 64, for at least 16 chunks where there are enough."""
    size = 1
    while size < LARGEST_CHUNK and size * 2 * CHUNKS <= total:
        size *= 2
    return size


def read_job_file(store: ObjectStore, job_id: str) -> JobFile:
    """The request of a job. Raises `ObjectNotFound`."""
    fields = json.loads(store.get(job_file_key(job_id)))
    return JobFile(**{**fields, "lane": Lane(fields["lane"]), "items": few_items(fields)})


def write_job_file(store: ObjectStore, file: JobFile) -> None:
    """Write a job's request down."""
    store.put(job_file_key(file.id), json.dumps(asdict(file)).encode(), "application/json")


def missing(
    store: ObjectStore, job_id: str, records_are_sure: bool
) -> JobNotFound | RecordsUnavailable:
    """What to say of a job without a record.

    It is unknown, unless Redis was emptied, has not been rebuilt (so its records are not sure),
    and the object store knows the job.
    """
    if not records_are_sure and store.exists(job_file_key(job_id)):
        return rebuilding()
    return JobNotFound(
        f"There is no job {job_id!r}: check the id. Finished jobs are forgotten after a while."
    )


def rebuilding() -> RecordsUnavailable:
    """What to say while an emptied Redis waits for its records."""
    return RecordsUnavailable(
        "The job records were lost and are being rebuilt from the object store. Nothing that was "
        "accepted is gone; try again in a moment."
    )
