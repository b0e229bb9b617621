"""Builds a `Job` from the reply of the status script, for the sync and the async reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from roadmask.errors import RecordUnreadable
from roadmask.masks.scores import scores
from roadmask.schemas.jobs import FINAL_STATES, OPEN_STATES, Counts, Job, JobState, Lane, Problem
from roadmask.schemas.mask_parameters import MaskParameters
from storage.jobs.lua.status_reply import QueueStatus, StatusReply
from storage.jobs.results import matrix

REASONS = {
    "error_threshold": Problem(
        code="error_threshold",
        title="Too many images failed",
        detail="More images failed than the job's error_threshold allows, so the rest was not "
        "begun. See the failed items for their causes; a retry goes on with what is left.",
        retryable=True,
    ),
    "all_items_failed": Problem(
        code="all_items_failed",
        title="Every image failed",
        detail="No image of this job could be segmented. See its items for their causes.",
    ),
    "job_file_unreadable": Problem(
        code="job_file_unreadable",
        title="The stored request of the job cannot be read",
        detail="Redis lost the record of this job, and its file in the object store is damaged or "
        "missing. Finished masks are kept. Submit the other images as a new job.",
    ),
    "final_record_unreadable": Problem(
        code="final_record_unreadable",
        title="The final record of the job cannot be read",
        detail="Redis lost the record of this job after its end, and its final record in the "
        "object store is damaged. Finished masks are kept; a retry goes on with what is left.",
        retryable=True,
    ),
    "expired": Problem(
        code="job_expired",
        title="The job's deadline passed",
        detail="The job had not ended by its deadline_s. Finished masks are kept; a retry goes on "
        "with what is left.",
        retryable=True,
    ),
}
"""Problem of a job by the `reason` in its record."""


@dataclass(frozen=True, slots=True)
class Status:
    """A job, and the id of the last event that its state includes."""

    job: Job
    last_event: str

    @property
    def has_ended(self) -> bool:
        """Whether the job has a final state."""
        return self.job.state in FINAL_STATES

    @property
    def remaining(self) -> int:
        """Number of items that have not ended."""
        return self.job.counts.queued + self.job.counts.running


def parse_status(job_id: str, reply: StatusReply) -> Status:
    """Build the status of a job from the reply of `lua/read_status.lua`.

    Raises `RecordUnreadable`.
    """
    try:
        return build_status(job_id, reply)
    except Exception as error:  # a wrong number raises half a dozen classes
        raise RecordUnreadable(
            f"The record of job {job_id} in Redis cannot be read: {error!r}. Delete the job, and "
            "submit it again."
        ) from error


def build_status(job_id: str, reply: StatusReply) -> Status:
    """Build the status of a job. Raises exceptions of many classes for a damaged record."""
    record, queue = reply.record, reply.queue
    counts = parse_counts(record)
    rate = queue.ended / (queue.ended_ms / 1000) if queue and queue.ended_ms else None
    scored = int(record.get("scored", 0))
    job = Job(
        id=job_id,
        name=record.get("name"),
        state=JobState(record["state"]),
        lane=Lane(record["lane"]),
        model=record["model"],
        dataset=record.get("dataset"),
        confidence="confidence" in record,
        **MaskParameters.of(record).given(),
        counts=counts,
        progress=round((counts.succeeded + counts.failed + counts.canceled) / counts.total, 6),
        queue_position=queue.rank if queue else None,
        images_per_second=round(rate, 3) if rate else None,
        eta_seconds=round(_items_ahead(counts, queue) / rate, 1) if queue and rate else None,
        scores=scores(matrix(reply.confusion), scored) if scored else None,
        error=REASONS.get(record.get("reason", "")),
        created_at=_moment(record["created"]),
        started_at=_moment(record["started"]) if "started" in record else None,
        finished_at=_moment(record["finished"]) if "finished" in record else None,
    )
    return Status(job, reply.last_event)


def parse_counts(record: dict[str, str]) -> Counts:
    """Count the items by state. Items that a job left unfinished when it ended are canceled."""
    total, succeeded, failed, running, cached = (
        int(record.get(name, 0)) for name in ("total", "succeeded", "failed", "running", "cached")
    )
    remaining = total - succeeded - failed
    is_open = JobState(record["state"]) in OPEN_STATES
    return Counts(
        total=total,
        queued=remaining - running if is_open else 0,
        running=running if is_open else 0,
        succeeded=succeeded,
        failed=failed,
        canceled=0 if is_open else remaining,
        cached=cached,
    )


def _items_ahead(counts: Counts, queue: QueueStatus) -> int:
    """Items that end in the lane before the job does: its own, and a share of the other jobs'."""
    own = counts.queued + counts.running
    if not queue.sampled:
        return own
    return own + int(queue.sampled_items * (queue.jobs - 1) / queue.sampled)


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
