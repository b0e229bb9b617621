"""One log line, one id and one measurement for each request."""

from __future__ import annotations

import logging
import re
import time
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_response
from api.headers import SECURITY_HEADERS
from api.metrics import observe_request
from api.query import PROBES
from roadmask.errors import RoadmaskError
from storage.telemetry.log_context import bound

QUIET_PATHS = PROBES | {"/metrics"}
"""Paths that monitors request every few seconds: their successes are not logged."""
CLOSED_BY_CLIENT = 499
"""Status in log and metrics if the client left before the answer, as in nginx."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

log = logging.getLogger(__name__)


class RequestLogMiddleware:
    """ASGI middleware in front of all others.

    It takes the request's id from `X-Request-ID` or makes one, adds it to the answer and to all log
    lines of the request, and answers unexpected exceptions with `internal_error`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, then log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        answered: tuple[int, float] | None = None
        request_id = _request_id(Headers(scope=scope))

        async def send_with_id(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"], time.perf_counter() - started
                header = b"x-request-id", request_id.encode()
                message["headers"] = [*message["headers"], header]
            await send(message)

        with bound(request_id=request_id):
            error: Exception | None = None
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as raised:
                error = raised
                if answered is not None:
                    raise  # the answer has begun, so the server closes the connection
                await _internal_error()(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                status, first_byte_s = answered or (CLOSED_BY_CLIENT, seconds)
                observe_request(scope, status, first_byte_s)
                _log_request(scope, status, seconds, error)


def _request_id(headers: Headers) -> str:
    sent = headers.get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else uuid4().hex


def _internal_error() -> ASGIApp:
    # With the security headers, because this answer bypasses the middleware that adds them.
    internal = RoadmaskError(
        "The service failed unexpectedly. Its log has the cause. Trying again may help."
    )
    return problem_response(internal, SECURITY_HEADERS)


def _log_request(scope: Scope, status: int, seconds: float, error: Exception | None) -> None:
    if scope["path"] in QUIET_PATHS and status < 400:
        return
    # The raw path is escaped. The query is left out, because it may contain a signature.
    path = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "backslashreplace")
    client = scope.get("client") or ("unknown",)
    facts: dict[str, Any] = {
        "method": scope["method"],
        "path": path,
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "client": client[0],
    }
    known = scope.get("state", {}).get("error")
    if isinstance(known, RoadmaskError):
        facts |= {"code": known.code}
        if status >= 500:
            facts |= {"reason": known.detail, "cause": _cause(known)}
    if error is not None or status == 500:
        log.error("request", extra=facts, exc_info=error or known)
    else:
        log.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra=facts)


def _cause(error: BaseException) -> str | None:
    """The exception behind an error, which its message to the client leaves out."""
    cause = error.__cause__
    return None if cause is None else f"{type(cause).__name__}: {cause}"[:500]
