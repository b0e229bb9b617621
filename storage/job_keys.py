"""Names of the Redis keys that hold jobs, and the ids of jobs themselves."""

from __future__ import annotations

import hashlib
import os
import re
import time
from uuid import UUID

from roadmask.errors import JobNotFound
from roadmask.jobs import Lane

JOBS = "rm:jobs"
"""Sorted set of all job ids; with equal scores their order is that of their ids, so of time."""
WAITING = "rm:waiting"
"""Hash from a lane to how many items of its open jobs have not ended."""
CLOSING = "rm:closing"
"""Set of jobs that ended and are not yet whole in the object store."""
DELIVERIES = "rm:deliveries"
"""Sorted set of "job round" by the time (milliseconds) at which its webhook is to be called."""
EPOCH = "rm:epoch"
"""Hash with the run id of the Redis `server` whose records were made sure of, and when Redis was
last `seen`, in milliseconds. Without `server` the records may be incomplete."""
RECONCILER = "rm:reconciler"
"""Who reconciles, with a time to live."""

JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_job_id() -> str:
    """A UUID of version 7 (RFC 9562): ids sort by the millisecond they were made in."""
    moment = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big") & ~(0xF << 76 | 0x3 << 62)
    return str(UUID(int=moment << 80 | noise | 0x7 << 76 | 0x2 << 62))


def first_job_id(moment_ms: float) -> str:
    """What ids made at or after a time (milliseconds since 1970) do not sort before."""
    return str(UUID(int=max(int(moment_ms), 0) << 80))


def job_key(job_id: str) -> str:
    """The record of a job; the keys of its parts begin with it.

    Raises `JobNotFound` for what cannot be a job's id, so that nothing else is ever read as one.
    """
    if not JOB_ID.fullmatch(job_id):
        raise JobNotFound(f"There is no job {job_id[:80]!r}. Check the id.")
    return f"rm:job:{job_id}"


def items_key(job_id: str) -> str:
    """String of one byte per item: its attempts (high nibble) and state (low nibble)."""
    return f"{job_key(job_id)}:items"


def results_key(job_id: str, chunk: int) -> str:
    """Hash from an item's index to its result, as long as the chunk is not sealed."""
    return f"{job_key(job_id)}:results:{chunk}"


def unsealed_key(job_id: str) -> str:
    """Set of the chunks with results in Redis."""
    return f"{job_key(job_id)}:unsealed"


def confusion_key(job_id: str) -> str:
    """Hash from row * 8 + column (truth, prediction) to pixels."""
    return f"{job_key(job_id)}:confusion"


def events_key(job_id: str) -> str:
    """Stream of what happened to the job."""
    return f"{job_key(job_id)}:events"


def deliveries_key(job_id: str) -> str:
    """Hash from a round to what its end tells the job's webhook, and how that went."""
    return f"{job_key(job_id)}:deliveries"


def open_key(lane: Lane) -> str:
    """Sorted set of the open jobs of a lane by the time they were opened."""
    return f"rm:open:{lane}"


def idempotency_key(key: str) -> str:
    """What a client's Idempotency-Key leads to; the key itself is not kept."""
    return f"rm:idem:{hashlib.sha256(key.encode()).hexdigest()}"
