"""A connection of uvicorn with limits of size, time and number.

uvicorn reads request heads of any length, waits for them for ever, and accepts any number of
connections. So a client without a key could exhaust the process.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.errors import retry_after
from api.headers import SECURITY_HEADERS
from roadmask.errors import (
    HeadTooLarge,
    InvalidRequest,
    RequestTooSlow,
    RoadmaskError,
    TooManyRequests,
)
from roadmask.schemas.media_types import PROBLEM_JSON
from roadmask.settings import Settings

MAX_HEAD_BYTES = 64 * 2**10
"""Longest request line with all headers."""
MAX_HEADERS = 256
"""Most headers of a request. Each costs time, and 64 KiB could contain 11,000. Browsers send about
20."""
HEAD_S = 10.0
"""Longest time for a request head, from its first byte or from the start of the connection."""
FRAMING = 8
"""Most bytes of framing for each byte of a chunked body. In addition, its trailers and chunk
extensions may have as many bytes as a head."""
BODY_CHECK_S = 20.0
MIN_BODY_BYTES_PER_S = 1024
"""Lowest rate of a request body, measured over spans of `BODY_CHECK_S`."""
STALLED_S = 60.0
"""Time after which a client that reads nothing of its answer is disconnected."""

_addresses: Counter[str] = Counter()
"""Number of open connections of this process, by client address."""


def connection_class(settings: Settings) -> type[HttpToolsProtocol]:
    """The protocol class for uvicorn's `http=`, with the limits of the settings."""
    limits = {
        "max_connections": settings.max_connections,
        "max_per_address": settings.max_connections_per_address,
    }
    return type("LimitedConnection", (LimitedConnection,), limits)


class LimitedConnection(HttpToolsProtocol):
    """Answers a request over a limit with a problem object, and closes the connection."""

    max_connections = 2**31
    max_per_address = 2**31

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._refusal: RoadmaskError | None = None
        self._head_bytes = 0
        self._in_head = False
        self._in_body = False
        self._body_bytes = 0
        self._received = 0
        """Bytes of the body so far."""
        self._framing = 0
        """Bytes around the body: chunk sizes, extensions and trailers."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self._address
        _addresses[address] += 1
        if _addresses[address] > self.max_per_address:
            self._refuse(TooManyRequests(f"{address} has too many connections. Close some."))
        elif len(self.connections) > self.max_connections:
            self._refuse(TooManyRequests("The service has too many connections. Try again soon."))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        address = self._address
        _addresses[address] -= 1
        if _addresses[address] <= 0:
            del _addresses[address]
        for timer in (self._head_timer, self._body_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self.transport.is_closing():
            return
        was_in_body, cycle, received = self._in_body, self.cycle, self._received
        if not was_in_body:
            self._head_bytes += len(data)
            # Blank bytes between two requests must not extend the wait for the next one.
            self._await_head()
        super().data_received(data)
        # The same cycle, because the data may end a refused body and begin another.
        if was_in_body and self._in_body and self.cycle is cycle:
            self._framing += len(data) - (self._received - received)
            if self._framing > MAX_HEAD_BYTES + FRAMING * self._received:
                self._refuse(HeadTooLarge("The body has too many trailers or extensions."))
        if not self._in_body and self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(_head_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        # The parser also reports trailers as headers.
        if len(self.headers) >= MAX_HEADERS:
            self._refusal = HeadTooLarge(f"The request has more than {MAX_HEADERS} headers.")
            # The parser stops, and `send_400_response` answers.
            raise ValueError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > MAX_HEAD_BYTES:
            self._refusal = _head_too_large()
            # The parser stops, and `send_400_response` answers.
            raise ValueError
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            # A proxy and this process could read different hosts from such a request.
            self._refusal = InvalidRequest("Send one Host header.")
            raise ValueError
        super().on_headers_complete()
        self._in_body, self._body_bytes, self._received, self._framing = True, 0, 0, 0
        self._body_timer = self.loop.call_later(BODY_CHECK_S, self._check_body)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall_timer = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def send_400_response(self, msg: str) -> None:
        """Answer a request that the parser refused."""
        if self._refusal is not None:
            is_invalid = isinstance(self._refusal, InvalidRequest)
            self._refuse(self._refusal, 400 if is_invalid else None)
        else:
            self._refuse(InvalidRequest(f"{msg} Send HTTP/1.1."), 400)

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(RequestTooSlow(f"The request's head took more than {HEAD_S:g} s."))
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _check_body(self) -> None:
        received, self._body_bytes = self._body_bytes, 0
        # The client is not slow if this process does not read its bytes yet.
        waits = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if not waits and received < MIN_BODY_BYTES_PER_S * BODY_CHECK_S:
            self._refuse(
                RequestTooSlow(
                    f"The body comes with less than {MIN_BODY_BYTES_PER_S} bytes per second."
                )
            )
            return
        self._body_timer = self.loop.call_later(BODY_CHECK_S, self._check_body)

    def _refuse(self, error: RoadmaskError, status: int | None = None) -> None:
        """Answer with the error, unless an answer has begun, and close the connection."""
        self._refusal = error
        cycle = self.cycle
        pending = cycle is not None and not cycle.response_complete
        if not (pending and cycle.response_started):
            self.transport.write(_answer(error, status or error.status))
        if pending:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()


def _head_too_large() -> RoadmaskError:
    return HeadTooLarge(f"The request's head has more than {MAX_HEAD_BYTES:,} bytes.")


def _answer(error: RoadmaskError, status: int) -> bytes:
    body = json.dumps(error.problem() | {"status": status}).encode()
    headers = SECURITY_HEADERS | {
        "Content-Type": PROBLEM_JSON,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    headers |= retry_after(error)
    lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    return b"".join([STATUS_LINE[status], *lines, b"\r\n", body])
