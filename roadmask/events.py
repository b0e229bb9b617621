"""What happens to a job, as it happens: server-sent events, followed across lost connections."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

import httpx

from roadmask.errors import Unavailable
from roadmask.event import Event
from roadmask.jobs import FINAL_STATES
from roadmask.retries import Patience
from roadmask.transport import Call, Transport, unreachable

QUIET_S = 45.0
"""A stream without even a heartbeat for so long is taken for dead, seconds."""

BEGINNING = "0"
"""The id before the first event of every job."""


class EventParser:
    """Makes events of the lines of a stream (WHATWG HTML, 9.2.6); comments are passed over."""

    def __init__(self) -> None:
        self._id, self._kind, self._data = "", "message", list[str]()

    def feed(self, line: str) -> Event | None:
        """The event that this line completes, if it does."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            self._id = value
        elif name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        elif not line:
            kind, data = self._kind, self._data
            self._kind, self._data = "message", []
            if data:
                return Event(self._id, kind, json.loads("\n".join(data)))
        return None


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Events from the lines of a stream."""
    parser = EventParser()
    yield from (event for line in lines if (event := parser.feed(line)))


async def follow(
    transport: Transport, job_id: str, last_id: str = BEGINNING
) -> AsyncGenerator[Event]:
    """The events of a job after `last_id` until it ends, each once.

    A lost connection is made again from the last event seen. Raises `ServiceUnreachable` when
    that fails for as long as the transport's patience lasts.
    """
    patience = Patience(transport.patience)
    while True:
        cause: httpx.TransportError | Unavailable | None = None
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
        call = Call("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=QUIET_S)
        parser = EventParser()
        try:
            async with aclosing(transport.lines(call)) as lines:
                async for line in lines:
                    transport.lost = False
                    if (event := parser.feed(line)) is None:
                        continue
                    patience = Patience(transport.patience)
                    last_id = event.id or last_id
                    yield event
                    if event.is_last:
                        return
            if await ended(transport, job_id):
                return
        except (httpx.TransportError, Unavailable) as error:
            cause = error
            transport.lost = isinstance(error, httpx.TransportError)
        if not await transport.pause(patience):
            if isinstance(cause, httpx.TransportError):
                raise unreachable(transport.base_url, cause) from cause
            raise cause or Unavailable(f"The events of job {job_id} broke off before its end.")


async def ended(transport: Transport, job_id: str) -> bool:
    """Whether the job is over: its events may have been dropped since."""
    job = (await transport.send(Call("GET", f"/v1/jobs/{job_id}"))).json()
    return job["state"] in FINAL_STATES
