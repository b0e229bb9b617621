"""Server-sent events (WHATWG HTML, 9.2): a job's events, across lost connections."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx

from roadmask.client.answers import read_answer
from roadmask.client.retries import Backoff
from roadmask.client.transport import Call, Transport, unreachable
from roadmask.errors import IncompatibleService, TooManyRequests, Unavailable
from roadmask.schemas.events import Event
from roadmask.schemas.jobs import FINAL_STATES, Job
from roadmask.schemas.media_types import EVENT_STREAM

SILENCE_S = 45.0
"""A connection without any event, not even a `ping`, for this many seconds is taken for lost."""

PING = ":"
"""How a `ping` begins: it is a comment."""

BEGINNING = "0"
"""The id before the first event of every job."""


class EventParser:
    """Parses the lines of a stream into events; comments are ignored.

    Raises `IncompatibleService` for an event whose data are not a JSON object.
    """

    def __init__(self) -> None:
        self._id, self._type, self._data = "", "message", list[str]()

    def feed(self, line: str) -> Event | None:
        """The event that this line completes, or None."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            self._id = value
        elif name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif not line:
            event_type, data = self._type, self._data
            self._type, self._data = "message", []
            if data:
                return Event(self._id, event_type, _members("\n".join(data)))
        return None


def _members(data: str) -> dict[str, Any]:
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise IncompatibleService(
            "The service sent an event that is not a JSON object. Check the address, and install "
            "the same version of Roadmask on both sides."
        )
    return members


async def follow(
    transport: Transport, job_id: str, last_id: str = BEGINNING
) -> AsyncGenerator[Event]:
    """The events of a job after `last_id` until it ends, each once.

    Reconnects after a lost connection and continues after the last event received. Raises
    `ServiceUnreachable` when that fails for `transport.patience` seconds after the last event or
    `ping`.
    """
    backoff = Backoff(transport.patience)
    while True:
        cause: httpx.RequestError | Unavailable | TooManyRequests | None = None
        headers = {"Accept": EVENT_STREAM, "Last-Event-ID": last_id}
        call = Call("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=SILENCE_S)
        parser = EventParser()
        try:
            async with aclosing(transport.lines(call)) as lines:
                async for line in lines:
                    transport.disconnected = False
                    event = parser.feed(line)
                    # The job may be quiet for hours. The line at the head of a stream is no sign
                    # of life: a stream may break off after it again and again.
                    if event or line.startswith(PING):
                        backoff = Backoff(transport.patience)
                    if event is None:
                        continue
                    last_id = event.id or last_id
                    yield event
                    if event.is_last:
                        return
            if await _has_ended(transport, job_id):
                return
        except (httpx.RequestError, Unavailable, TooManyRequests) as error:
            cause = error
            transport.disconnected = isinstance(error, httpx.RequestError)
        if not await transport.pause(backoff):
            if isinstance(cause, httpx.RequestError):
                raise unreachable(transport.base_url, cause) from cause
            raise cause or Unavailable(f"The events of job {job_id} broke off before its end.")


async def _has_ended(transport: Transport, job_id: str) -> bool:
    """Whether the job has ended; its last events may no longer be kept."""
    answer = await transport.send(Call("GET", f"/v1/jobs/{job_id}"))
    return read_answer(Job, answer).state in FINAL_STATES
