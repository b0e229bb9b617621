"""Events: a job's progress as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.auth import require_key
from api.backends import Wired
from api.errors import problems
from roadmask.errors import JobNotFound, Unavailable
from roadmask.event import Event
from roadmask.jobs import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_key)])

RETRY_MS = 2000
EVENT_ID = r"^\d{1,19}(-\d{1,19})?$"


class EventStream(StreamingResponse):
    """Encoded events as they come.

    FastAPI's own class for them has two tasks and two queues more for every client.
    """

    media_type = "text/event-stream"


async def known_job(job_id: str, backends: Wired) -> Job:
    """The job, looked up before the stream begins: after that no 404 can be sent."""
    return await backends.watch.read(job_id)


@router.get(
    "/{job_id}/events",
    response_class=EventStream,
    summary="Follow a job",
    responses=problems(JobNotFound),
)
async def follow_job(
    job: Annotated[Job, Depends(known_job)],
    backends: Wired,
    last_event_id: Annotated[
        str | None,
        Header(pattern=EVENT_ID, description="Of the last event seen: those after it are sent."),
    ] = None,
) -> EventStream:
    """Server-sent events until the job has ended.

    `item`: an item ended. `job`: the job's state changed. A lost connection goes on from the
    last event seen.
    """
    # Nothing on the way may keep them: neither a cache, nor Nginx until it has enough of them.
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    events = backends.watch.events(job.id, last_event_id)
    return EventStream(_encoded(events), headers=headers)


async def _encoded(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=RETRY_MS)
    # The status is sent already: without Redis the stream just ends, and clients come again.
    with suppress(Unavailable):
        async for event in events:
            yield _encode(event)


def _encode(event: Event) -> bytes:
    if event.type == "ping":
        return format_sse_event(comment="ping")
    data = json.dumps(event.data, separators=(",", ":"))
    return format_sse_event(data_str=data, event=event.type, id=event.id)
