"""Event streams that outlive the frames of their requests.

Between the server and a route are about 30 frames, contexts and tasks of the middleware and of
FastAPI. In an open stream they would take twice the memory of the stream itself. So a route returns
at once and hands its stream over to the outermost middleware, which sends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack

from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from roadmask.schemas.media_types import EVENT_STREAM

HANDED_OVER = "roadmask.handed_over"
"""Member of the scope: a list for the stream of the request. Without it, the route sends itself."""


class EventStream(StreamingResponse):
    """Encoded server-sent events.

    FastAPI's own class runs two more tasks and two more queues for every client.
    """

    media_type = EVENT_STREAM

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        counted: ExitStack,
        headers: Mapping[str, str],
        status_code: int = 200,  # FastAPI reads the documented status from this default
    ) -> None:
        """`counted` is closed when the stream ends: it counts the open streams."""
        super().__init__(events, status_code, headers)
        self._events = events
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head of the answer, and hand the body over."""
        if HANDED_OVER not in scope:
            with self._counted:
                await super().__call__(scope, receive, send)
            return
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        scope[HANDED_OVER].append(self)

    async def relay(self, receive: Receive, send: Send) -> None:
        """Send the body, until it ends or the client leaves."""
        with self._counted:
            sending = asyncio.create_task(self._send(send))
            try:
                # The server also sends this message after the whole body.
                while (await receive())["type"] != "http.disconnect":
                    pass
            finally:
                sending.cancel()
                (outcome,) = await asyncio.gather(sending, return_exceptions=True)
            if isinstance(outcome, Exception):
                raise outcome

    async def _send(self, send: Send) -> None:
        try:
            async for data in self._events:
                await send({"type": "http.response.body", "body": data, "more_body": True})
        finally:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class EventStreamMiddleware:
    """ASGI middleware around most others. It sends the streams that routes hand over."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and relay its stream if there is one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        streams: list[EventStream] = []
        scope[HANDED_OVER] = streams
        await self._app(scope, receive, send)
        for stream in streams:
            _forget_exit_stacks(scope)
            await stream.relay(receive, send)


def _forget_exit_stacks(scope: Scope) -> None:
    """Free the closed exit stacks of FastAPI, 3 kB in each request."""
    for name in [name for name in scope if name.startswith("fastapi_")]:
        del scope[name]
