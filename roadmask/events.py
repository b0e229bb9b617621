"""What happens to a job, as it happens: server-sent events, followed across lost connections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

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


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Events from the lines of a stream (WHATWG HTML, 9.2.6); comments are passed over."""
    event_id, kind, data = "", "message", list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            event_id = value
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif not line:
            if data:
                yield Event(event_id, kind, json.loads("\n".join(data)))
            kind, data = "message", []


def follow(transport: Transport, job_id: str, last_id: str = BEGINNING) -> Iterator[Event]:
    """The events of a job after `last_id` until it ends, each once.

    A lost connection is made again from the last event seen. Raises `ServiceUnreachable` when
    that fails for as long as the transport's patience lasts.
    """
    patience = Patience(transport.patience)
    while True:
        cause: httpx.TransportError | Unavailable | None = None
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
        call = Call("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=QUIET_S)
        try:
            with transport.stream(call) as response:
                for event in parse_events(response.iter_lines()):
                    patience = Patience(transport.patience)
                    last_id = event.id or last_id
                    yield event
                    if event.is_last:
                        return
            if ended(transport, job_id):
                return
        except (httpx.TransportError, Unavailable) as error:
            cause = error
        if not patience.pause():
            if isinstance(cause, httpx.TransportError):
                raise unreachable(transport.base_url, cause) from cause
            raise cause or Unavailable(f"The events of job {job_id} broke off before its end.")


def ended(transport: Transport, job_id: str) -> bool:
    """Whether the job is over: its events may have been dropped since."""
    job = transport.send(Call("GET", f"/v1/jobs/{job_id}")).json()
    return job["state"] in FINAL_STATES
