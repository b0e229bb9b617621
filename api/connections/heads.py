"""HEAD requests: each GET route answers them, without a body."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.connections.event_stream import HANDED_OVER


class HeadMiddleware:
    """ASGI middleware that answers HEAD like GET. The server leaves out the body.

    The route is canceled at its first bytes, because an event stream would never end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as GET, until its body begins."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        begun = asyncio.Event()
        as_get = {**scope, "method": "GET"}
        as_get.pop(HANDED_OVER, None)  # A stream must not be handed over: its first event ends it.

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            else:
                begun.set()

        route = asyncio.ensure_future(self._app(as_get, receive, send_head))
        body = asyncio.ensure_future(begun.wait())
        try:
            await asyncio.wait([route, body], return_when=asyncio.FIRST_COMPLETED)
            if not begun.is_set():
                await route
            await send({"type": "http.response.body", "body": b""})
        finally:
            for task in (route, body):
                task.cancel()
            await asyncio.gather(route, body, return_exceptions=True)
