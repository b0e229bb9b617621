"""Webhooks: their body and the state of their delivery (Standard Webhooks 1.0.0)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from roadmask.schemas.job_urls import JobUrls, job_urls
from roadmask.schemas.jobs import Counts, JobState
from roadmask.schemas.wire import Wire


class DeliveryState(StrEnum):
    """State of a delivery."""

    PENDING = "pending"
    """The next attempt is at `next_attempt_at`."""
    DELIVERED = "delivered"
    """The receiver answered with a 2xx status."""
    FAILED = "failed"
    """The last attempt failed; a replay starts again."""


class Delivery(Wire):
    """The delivery of one end of a job to the job's webhook."""

    id: str
    """The `webhook-id` of every attempt; receivers ignore an id that they have already handled."""
    event: str
    """`job.` and the state in which the job ended."""
    url: str
    name: str | None = None
    """The job's label."""
    counts: Counts
    ended_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    """Since the job ended, or since the last replay."""
    last_attempt_at: datetime | None = None
    last_status: int | None = None
    """The receiver's HTTP status; null if none came."""
    last_error: str | None = None
    """Why the last attempt failed."""
    next_attempt_at: datetime | None = None

    @property
    def round(self) -> int:
        """Which end of the job this is: a job whose items are retried ends again."""
        return int(self.id.rpartition("-")[2])


class JobEnd(Wire):
    """The job in a webhook's body."""

    id: str
    name: str | None
    state: JobState
    counts: Counts
    urls: JobUrls


class WebhookBody(Wire):
    """The JSON body of a webhook."""

    type: str
    timestamp: datetime
    """When the job ended."""
    data: JobEnd


def webhook_body(delivery: Delivery, public_url: str) -> str:
    """The body of a delivery: the same bytes at every attempt."""
    job_id = delivery.id.rpartition("-")[0]
    end = JobEnd(
        id=job_id,
        name=delivery.name,
        state=JobState(delivery.event.removeprefix("job.")),
        counts=delivery.counts,
        urls=job_urls(public_url, job_id),
    )
    return WebhookBody(type=delivery.event, timestamp=delivery.ended_at, data=end).model_dump_json()
