"""Limits of request bodies, enforced in front of every route."""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadmask.schemas.media_types import JSON, media_type

MAX_JSON_BYTES = 2 * 2**20
"""Largest JSON body. 10,000 catalogue entries with truths have 1.9 MB and 10,000 hashes 0.7 MB.
Longer lists of images are sent as JSON lines (`api.bodies.ndjson`)."""
MAX_JSON_VALUES = 100_000
"""Most values of a JSON body, which bounds its memory: a value takes up to 250 bytes, an invalid
value about 1 kB. 10,000 catalogue entries have 40,000 values."""
MAX_JSON_OBJECTS = 12_000
"""Most objects of a JSON body, which bounds the time to parse it. No list has more than 10,000."""
MAX_TASKS_BYTES = 8 * 2**20
"""Largest request of Label Studio, whose tasks may hold whole images in base64."""
MAX_BUFFERED_BYTES = 8 * 2**20
"""Largest sum of all bodies that are in memory as a whole. Parsed, they take several times more."""
FREE_BYTES = 64 * 2**10
"""Size up to which a body is accepted even if `MAX_BUFFERED_BYTES` is reached."""

JOBS_PATH = "/v1/jobs"
"""Path that accepts JSON, JSON lines and forms. Only JSON is limited here."""
STREAMED_PATHS = re.compile(
    r"/v1/images(/sha256-[^/]*)?|/v1/truths/sha256-[^/]*|/v1/segment|/v1/models|/rest/"
)
"""Paths whose routes read the body block by block, each with a limit of its own."""
TASKS_PATH = "/label-studio/predict"

_ADVICE = (
    "Send long lists of images as JSON lines (Content-Type: application/x-ndjson), other lists in "
    "parts."
)


class BodyLimitMiddleware:
    """ASGI middleware that refuses compressed bodies (415) and bodies over their limit (413).

    The error is raised when the route reads the body, so a body that no route reads is ignored. A
    declared length over the limit is refused before the first byte.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._buffered = 0
        self._parsing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `receive` that checks the body."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = _limit(scope["path"], headers.get("content-type"))
        own = 0

        async def receive_counted() -> Message:
            nonlocal own
            message = await receive()
            if limit is not None and (size := len(message.get("body", b""))):
                if own + size > FREE_BYTES and self._buffered + size > MAX_BUFFERED_BYTES:
                    raise HTTPException(503)
                own += size
                self._buffered += size
            if own > FREE_BYTES and not message.get("more_body"):
                # Parsing blocks the event loop, so each of its iterations parses one long body.
                async with self._parsing:
                    await asyncio.sleep(0)
            return message

        try:
            await self._app(scope, _limited(receive_counted, headers, limit), send)
        finally:
            self._buffered -= own


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"The body has more than {limit:,} bytes. {_ADVICE}")


def check_value_count(body: bytes) -> None:
    """Raise 413 for JSON of too many values or objects, before it is parsed.

    Each value follows a comma or an opening bracket. Such characters in strings also count.
    """
    objects = body.count(b"{")
    if objects > MAX_JSON_OBJECTS:
        raise HTTPException(413, f"The JSON has more than {MAX_JSON_OBJECTS:,} objects. {_ADVICE}")
    if objects + body.count(b",") + body.count(b"[") > MAX_JSON_VALUES:
        raise HTTPException(413, f"The JSON has more than {MAX_JSON_VALUES:,} values. {_ADVICE}")


def _limit(path: str, content_type: str | None) -> int | None:
    """The limit of a path's bodies in bytes; None if the route limits them itself."""
    if STREAMED_PATHS.fullmatch(path) or (path == JOBS_PATH and media_type(content_type) != JSON):
        return None
    return MAX_TASKS_BYTES if path == TASKS_PATH else MAX_JSON_BYTES


def _limited(receive: Receive, headers: Headers, limit: int | None) -> Receive:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    declared = headers.get("content-length", "")
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        if encoding not in ("", "identity"):
            # Decompression could make a small body arbitrarily large.
            raise HTTPException(
                415,
                f"The body has Content-Encoding {encoding[:40]!r}. Send it uncompressed.",
                {"Accept-Encoding": "identity"},
            )
        if limit is not None and declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        message = await receive()
        received += len(message.get("body", b""))
        if limit is not None and received > limit:
            raise _too_large(limit)
        return message

    return receive_limited
