"""A stream needs none of the frames that its request passed through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from starlette.types import Receive, Scope, Send

from api.connections.event_stream import EventStream, EventStreamMiddleware


class Streams:
    """An app with one route, which notes what is open."""

    def __init__(self, *, fails: bool = False) -> None:
        self.open: set[str] = set()
        self.sent: list[dict[str, Any]] = []
        self._fails = fails
        self._left = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._noted("request"), contextlib.ExitStack() as counted:
            counted.enter_context(self._noted("count"))
            await EventStream(self._events(), counted.pop_all(), {})(scope, receive, send)

    @contextlib.contextmanager
    def _noted(self, name: str) -> Iterator[None]:
        self.open.add(name)
        try:
            yield
        finally:
            self.open.remove(name)

    async def _events(self) -> AsyncGenerator[bytes]:
        with self._noted("events"):
            yield b"first"
            if self._fails:
                raise ValueError("a bad event")
            await asyncio.Event().wait()

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if not message.get("more_body", True):
            self.leave()


async def _stream_until_it_waits(app: Streams) -> asyncio.Task[None]:
    scope = {"type": "http", "asgi": {}}
    call = EventStreamMiddleware(app)(scope, app.receive, app.send)
    stream = asyncio.create_task(call)
    while "events" not in app.open and not stream.done():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    return stream


def test_the_frames_of_the_request_end_before_its_stream() -> None:
    async def follow() -> None:
        app = Streams()
        stream = await _stream_until_it_waits(app)
        assert app.open == {"count", "events"}
        assert [message["type"] for message in app.sent] == [
            "http.response.start",
            "http.response.body",
        ]
        app.leave()
        await stream
        assert not app.open

    asyncio.run(follow())


def test_a_stream_that_fails_ends_and_the_error_is_raised() -> None:
    async def follow() -> None:
        app = Streams(fails=True)
        stream = await _stream_until_it_waits(app)
        await asyncio.wait([stream])
        assert isinstance(stream.exception(), ValueError)
        assert app.sent[-1]["more_body"] is False
        assert not app.open

    asyncio.run(follow())
