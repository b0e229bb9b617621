"""The request of a job, as the client sends it."""

from __future__ import annotations

from typing import Any, TypedDict

from roadmask.schemas.ids import path_part
from roadmask.schemas.jobs import ImageRef, Job, JobCreate, Lane
from roadmask.schemas.mask_parameters import Quality
from roadmask.schemas.media_types import JSON, NDJSON
from roadmask.schemas.pixels import Pixels

MAX_JSON_ITEMS = 5000
"""Images or entries in one JSON body, whose size the service limits."""


class JobOptions(TypedDict, total=False):
    """Members of `roadmask.schemas.jobs.JobCreate`, which documents them."""

    dataset: str | None
    prefix: str | None
    name: str | None
    model: str
    quality: Quality
    pixels: Pixels | dict[str, Any] | None
    lane: Lane | str | None
    confidence: bool
    error_threshold: float | None
    deadline_s: float | None
    webhook: str | None


def job_body(request: JobCreate) -> tuple[bytes, str]:
    """The request and its media type: JSON lines when it has many images."""
    rows: list[JobCreate | ImageRef] = [request]
    if len(request.images or ()) > MAX_JSON_ITEMS:
        rows = [request.model_copy(update={"images": None}), *(request.images or ())]
    # An older service refuses members that it does not know, but it has their defaults.
    body = "\n".join(row.model_dump_json(exclude_defaults=True) for row in rows).encode()
    return body, JSON if len(rows) == 1 else NDJSON


def job_part(job: Job | str) -> str:
    """A job's part of a path. Raises `InvalidId`."""
    return path_part(job if isinstance(job, str) else job.id)


def wait_query(seconds: float) -> dict[str, str | int]:
    """The query of a call that waits; the service takes whole seconds."""
    return {"wait": int(seconds)} if seconds >= 1 else {}
