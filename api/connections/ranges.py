"""Range requests and conditional requests (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_response
from roadmask.errors import RangeUnsatisfiable

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class RangeMiddleware:
    """ASGI middleware that applies `If-None-Match`, `If-Range` and `Range` to answers with an
    `ETag`.

    A request for several ranges gets the whole answer, as the standard allows.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `send` that shortens the answer."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            send = _PartSender(scope, send).send
        await self._app(scope, receive, send)


class _PartSender:
    """Sends the requested part of one answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._request = Headers(scope=scope)
        self._method: str = scope["method"]
        self._send = send
        self._part: range | None = None
        """Bytes of the answer to send; None for the whole answer."""
        self._position = 0
        self._instead = b""
        """Body that is sent instead of the answer."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin(message)
        elif self._part is not None and message["type"] == "http.response.body":
            body = message.get("body", b"")
            start = max(self._part.start - self._position, 0)
            stop = max(self._part.stop - self._position, 0)
            self._position += len(body)
            message["body"] = body[start:stop] + self._instead
            self._instead = b""
        await self._send(message)

    def _begin(self, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        tag = headers.get("etag")
        if message["status"] != 200 or tag is None:
            return
        if matches(self._request.get("if-none-match", ""), tag):
            self._send_not_modified(message, headers)
        elif "content-length" in headers and "content-encoding" not in headers:
            headers["Accept-Ranges"] = "bytes"
            if self._method == "GET" and self._request.get("if-range", tag) == tag:
                self._shorten(message, headers, self._request.get("range", ""))
        message["headers"] = headers.raw

    def _send_not_modified(self, message: Message, headers: MutableHeaders) -> None:
        message["status"] = 304
        self._part = range(0)
        for name in ("content-length", "content-type"):
            if name in headers:
                del headers[name]

    def _shorten(self, message: Message, headers: MutableHeaders, asked: str) -> None:
        size = int(headers["content-length"])
        match = _RANGE.fullmatch(asked.replace(" ", ""))
        if match is None or not (match[1] or match[2]):
            return
        if match[1]:
            start, stop = int(match[1]), min(int(match[2] or size) + 1, size)
            if match[2] and int(match[2]) < start:
                return
        else:
            start, stop = max(size - int(match[2]), 0), size
        if start >= stop:
            self._refuse(message, headers, size)
            return
        message["status"] = 206
        self._part = range(start, stop)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        headers["Content-Length"] = str(len(self._part))

    def _refuse(self, message: Message, headers: MutableHeaders, size: int) -> None:
        error = RangeUnsatisfiable(f"The answer has {size:,} bytes. Ask for bytes below that.")
        answer = problem_response(error)
        message["status"] = answer.status_code
        self._part, self._instead = range(0), bytes(answer.body)
        for name in ("etag", "cache-control", "content-disposition"):
            if name in headers:
                del headers[name]
        headers.update(answer.headers)
        headers["Content-Range"] = f"bytes */{size}"


def matches(asked: str, tag: str) -> bool:
    """Whether a tag is in the list of `If-None-Match`. Weak tags match, too."""
    tags = {each.strip().removeprefix("W/") for each in asked.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags
