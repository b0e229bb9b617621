"""Names of the Redis keys of jobs, and the ids of jobs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from uuid import UUID

from roadmask.errors import JobNotFound
from roadmask.hashing import sha256_of
from roadmask.schemas.jobs import Lane
from storage.redis_text import text

JOB = "rm:job:"
"""Prefix of a job's record, a hash. The keys of its parts begin with the key of the record."""
JOBS = "rm:jobs"
"""Sorted set of all job ids. All scores are equal, so it is sorted by id, and so by time."""
OPEN = "rm:open:"
"""Prefix, per lane: sorted set of its open jobs by the time at which they were queued."""
WAITING = "rm:waiting"
"""Hash from a lane to the number of items of its open jobs that have not ended."""
RATE = "rm:rate:"
"""Prefix, per lane and 10 seconds: the number of items that ended."""
ACCEPTING = "rm:accepting"
"""Sorted set of jobs that are being accepted, by the time (ms) at which that began; 0 for an
abandoned one. No client has an answer about these jobs yet."""
DATASET_JOBS = "rm:datasets:jobs"
"""Hash from `OWNER/DATASET` (the owner may be empty) to the job whose results describe the
dataset."""
FINALIZING = "rm:closing"
"""Set of jobs that have a final state but are not archived yet."""
DUE_DELIVERIES = "rm:deliveries"
"""Sorted set of "job round" by the time (ms since 1970) of the next attempt at its webhook."""
EPOCH = "rm:epoch"
"""Hash. `server`: run id of the Redis server whose records are complete; without it they may be
incomplete. `seen`: time (ms) of the last rebuild check."""
RECONCILER = "rm:reconciler"
"""Id of the process that is the leader of the reconciler; expires."""
RECONCILED = "rm:reconciled"
"""Hash of the reconciler's statistics: number of `rounds`, time of the last round (`last_ms`), its
`error` or an empty text, and the sum of each field of `Repairs`."""
UNREADABLE = "rm:unreadable"
"""Hash of stored records that the rebuild could not read: from the object key to the cause."""
FLIGHT = "rm:flight:"
"""Prefix, per mask: the lease of the worker that infers it now; expires."""

ITEMS = ":items"
"""Part of a job: a string of one byte per item (see `item_bytes`)."""
CONFUSION = ":confusion"
"""Part of a job: hash from row * 8 + column (truth, prediction) to pixels."""
EVENTS = ":events"
"""Part of a job: stream of its events."""
DELIVERIES = ":deliveries"
"""Part of a job: hash from a round to the webhook delivery of its end (JSON)."""
RESULTS = ":results:"
"""Part of a job, per chunk: hash from an item's index to its result, until the chunk is sealed."""
UNSEALED = ":unsealed"
"""Part of a job: set of the chunks that have results in Redis."""
LEASES = ":leases"
"""Part of a job: sorted set of the leased chunks by the time (ms) at which their lease expires."""
TOKENS = ":tokens"
"""Part of a job: hash from a leased chunk to its fencing token and its worker."""
REDO = ":redo"
"""Part of a job: set of chunks that were released with unfinished items."""

KEPT_PARTS = ("", ITEMS, CONFUSION, EVENTS, DELIVERIES)
"""The record and the parts that stay readable for a while after the job is archived."""
WORK_PARTS = (LEASES, TOKENS, REDO)
"""The parts that only claims and leases need."""

JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_job_id() -> str:
    """Return a UUID of version 7 (RFC 9562): ids sort by the millisecond of their creation."""
    moment = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big") & ~(0xF << 76 | 0x3 << 62)
    return str(UUID(int=moment << 80 | noise | 0x7 << 76 | 0x2 << 62))


def first_job_id(moment_ms: float) -> str:
    """Return the smallest id of a job created at or after a time (ms since 1970)."""
    return str(UUID(int=max(int(moment_ms), 0) << 80))


def creation_ms(job_id: str) -> int:
    """Return the time (ms since 1970) of a job's creation, by the clock of the API."""
    return UUID(job_id).int >> 80


def is_job_id(member: object) -> bool:
    """Whether a member of an index of jobs is the id of one."""
    return JOB_ID.fullmatch(text(member, errors="replace")) is not None


def job_ids(members: Iterable[object]) -> list[str]:
    """Decode those members of an index of jobs that are ids of jobs."""
    return [text(member) for member in members if is_job_id(member)]


def job_key(job_id: str) -> str:
    """Return the key of a job's record.

    Raises `JobNotFound` for a text that is no job id, so that no other key is read as a job.
    """
    if not JOB_ID.fullmatch(job_id):
        raise JobNotFound(f"There is no job {job_id[:80]!r}. Check the id.")
    return f"{JOB}{job_id}"


def items_key(job_id: str) -> str:
    """Key of a job's item bytes."""
    return f"{job_key(job_id)}{ITEMS}"


def results_key(job_id: str, chunk: int) -> str:
    """Key of the results of a chunk."""
    return f"{job_key(job_id)}{RESULTS}{chunk}"


def unsealed_key(job_id: str) -> str:
    """Key of a job's unsealed chunks."""
    return f"{job_key(job_id)}{UNSEALED}"


def confusion_key(job_id: str) -> str:
    """Key of a job's confusion matrix."""
    return f"{job_key(job_id)}{CONFUSION}"


def events_key(job_id: str) -> str:
    """Key of a job's events."""
    return f"{job_key(job_id)}{EVENTS}"


def deliveries_key(job_id: str) -> str:
    """Key of a job's webhook deliveries."""
    return f"{job_key(job_id)}{DELIVERIES}"


def open_key(lane: Lane) -> str:
    """Key of a lane's open jobs."""
    return f"{OPEN}{lane}"


def idempotency_key(key: str, owner: str | None = None) -> str:
    """Key of a client's Idempotency-Key, hashed. Each owner has a namespace of its own."""
    named = key if owner is None else f"{owner}\0{key}"
    return f"rm:idem:{sha256_of(named.encode())}"


def all_parts(job_id: str) -> list[str]:
    """The keys of a job's record and of its parts, except the results of its chunks."""
    parts = (*KEPT_PARTS, *WORK_PARTS, UNSEALED)
    return [f"{job_key(job_id)}{part}" for part in parts]
