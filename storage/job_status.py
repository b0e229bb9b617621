"""How the answer of the status script becomes a Job, for both the sync and the async reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from roadmask.jobs import FINAL_STATES, OPEN_STATES, Counts, Job, JobState, Lane, Problem
from roadmask.scores import scores
from storage.replies import mapping, text
from storage.results import matrix

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
    "expired": Problem(
        code="job_expired",
        title="The job's deadline passed",
        detail="The job had not ended by its deadline_s. Finished masks are kept; a retry goes on "
        "with what is left.",
        retryable=True,
    ),
}
"""Why a job stopped, by the word that the scripts leave in its record."""


@dataclass(frozen=True, slots=True)
class Status:
    """A job, and the id of the last event that is part of what it shows."""

    job: Job
    last_event: str

    @property
    def has_ended(self) -> bool:
        """Whether the job is over."""
        return self.job.state in FINAL_STATES

    @property
    def left(self) -> int:
        """Items that have not ended."""
        return self.job.counts.queued + self.job.counts.running


def parse_status(job_id: str, reply: list[Any]) -> Status:
    """A job from the answer of `lua/status.lua`."""
    flat, confusion, rank, ahead, ended, elapsed_ms, last_event = reply
    record = mapping(_pairs(flat))
    state = JobState(record["state"])
    counts = parse_counts(record)
    rate = ended / (elapsed_ms / 1000) if elapsed_ms else None
    scored = int(record.get("scored", 0))
    job = Job(
        id=job_id,
        name=record.get("name"),
        state=state,
        lane=Lane(record["lane"]),
        model=record["model"],
        confidence="confidence" in record,
        counts=counts,
        progress=round((counts.succeeded + counts.failed + counts.canceled) / counts.total, 6),
        queue_position=rank if state in OPEN_STATES else None,
        images_per_second=round(rate, 3) if rate else None,
        eta_seconds=round(ahead / rate, 1) if rate else None,
        scores=scores(matrix(_cells(confusion)), scored) if scored else None,
        error=REASONS.get(record.get("reason", "")),
        created_at=_moment(record["created"]),
        started_at=_moment(record["started"]) if "started" in record else None,
        finished_at=_moment(record["finished"]) if "finished" in record else None,
    )
    return Status(job, text(last_event))


def parse_counts(record: dict[str, str]) -> Counts:
    """How many items are in which state; what an ended job left unfinished was canceled."""
    total, succeeded, failed, running, cached = (
        int(record.get(name, 0)) for name in ("total", "succeeded", "failed", "running", "cached")
    )
    left = total - succeeded - failed
    is_open = JobState(record["state"]) in OPEN_STATES
    return Counts(
        total=total,
        queued=left - running if is_open else 0,
        running=running if is_open else 0,
        succeeded=succeeded,
        failed=failed,
        canceled=0 if is_open else left,
        cached=cached,
    )


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _cells(flat: list[bytes]) -> dict[str, int]:
    return {cell: int(pixels) for cell, pixels in mapping(_pairs(flat)).items()}


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
