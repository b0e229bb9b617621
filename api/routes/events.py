"""A job's progress as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import format_sse_event

from api.auth.access import Access
from api.connections.event_stream import EventStream
from api.dependencies import AccessDep, CallerDep, StreamsDep, WatcherDep
from api.errors import Responses, problems
from roadmask.errors import JobNotFound, TooManyRequests, Unavailable
from roadmask.schemas.events import Event
from roadmask.schemas.ids import EVENT_ID
from roadmask.schemas.jobs import Job
from roadmask.schemas.media_types import EVENT_STREAM
from storage.access.caller import Caller

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

RETRY_MS = 2000
EVENTS: Responses = {200: {"content": {EVENT_STREAM: {"schema": {"type": "object"}}}}}
"""Each event is an object, whose member `data` is JSON."""


async def existing_job(job_id: str, watcher: WatcherDep) -> Job:
    """The job, read before the stream begins, because a stream that has begun cannot answer 404."""
    return await watcher.read(job_id)


async def counted_stream(request: Request, streams: StreamsDep) -> AsyncIterator[ExitStack]:
    """Count the stream until the yielded stack is closed. Raises `TooManyRequests`."""
    with ExitStack() as counted:
        counted.enter_context(streams.one_of(request))
        yield counted


@router.get(
    "/{job_id}/events",
    response_class=EventStream,
    summary="Follow a job",
    responses=EVENTS | problems(JobNotFound, TooManyRequests),
)
async def follow_job(
    job: Annotated[Job, Depends(existing_job)],
    watcher: WatcherDep,
    access: AccessDep,
    caller: CallerDep,
    counted: Annotated[ExitStack, Depends(counted_stream)],
    last_event_id: Annotated[
        str | None,
        Header(
            pattern=EVENT_ID, description="Id of the last event seen; only later ones are sent."
        ),
    ] = None,
) -> EventStream:
    """Server-sent events until the job has ended.

    `item`: an item ended. `job`: the job's state changed. After a lost connection, send the id of
    the last event in `Last-Event-ID` to go on from there. The stream also ends when the key is
    revoked or expires.
    """
    # Neither a cache nor nginx may buffer events.
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    events = watcher.events(job.id, last_event_id)
    return EventStream(_encoded(events, access, caller), counted.pop_all(), headers)


async def _encoded(
    events: AsyncIterator[list[Event]], access: Access, caller: Caller
) -> AsyncGenerator[bytes]:
    yield format_sse_event(retry=RETRY_MS)
    # The status is already sent, so without Redis the stream just ends. Clients then reconnect.
    with suppress(Unavailable):
        async for batch in events:
            if not await access.admits(caller):
                return
            # Joined, because each block passes all middleware, and cached items end in batches.
            yield b"".join(map(_encode, batch))


def _encode(event: Event) -> bytes:
    if event.type == "ping":
        return format_sse_event(comment="ping")
    data = json.dumps(event.data, separators=(",", ":"))
    return format_sse_event(data_str=data, event=event.type, id=event.id)
