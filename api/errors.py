"""Errors on the wire: every error becomes an `application/problem+json` answer (RFC 9457).

Routes raise, and the handlers here answer. An unexpected exception becomes `internal_error` in
`api.request_log`; its cause goes to the log and never to the client.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ConfigDict, Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from roadmask.errors import (
    BodyCompressed,
    CrossSiteRequest,
    InsufficientScope,
    InvalidRequest,
    ItemError,
    MethodNotAllowed,
    NotFound,
    RecordsUnavailable,
    RoadmaskError,
    StoreUnavailable,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UploadTooLarge,
    error_classes,
)
from roadmask.schemas.ids import IN_WORDS
from roadmask.schemas.jobs import Problem
from roadmask.schemas.media_types import PROBLEM_JSON
from storage.connections import is_outage

log = logging.getLogger(__name__)

Responses = dict[int | str, dict[str, Any]]
"""The type of FastAPI's `responses=`: the documentation of answers by status."""
JSON_EXPECTED = "Send the body as JSON, with Content-Type: application/json."
MAX_VALIDATION_ERRORS = 20
"""How many validation errors of a request are listed."""
ENUM_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
"""A member of an enumeration as Python writes it, with its value."""
RETRY_AFTER_S = 5
"""Value of `Retry-After` in answers with status 429 and 503, seconds."""

COMMON_PROBLEMS = (
    Unauthorized,
    InsufficientScope,
    CrossSiteRequest,
    InvalidRequest,
    TooManyRequests,
    RecordsUnavailable,
    StoreUnavailable,
    Unavailable,
    RoadmaskError,
)
"""Errors with which every route that needs a key can answer."""


ITEM_ERRORS = tuple(cls for cls in error_classes().values() if issubclass(cls, ItemError))
"""Errors of one image, with which a route that waits for its mask can answer."""


class ProblemDocument(Problem):
    """Why a request failed (RFC 9457). Programs should branch on `code`, which is stable."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(json_schema_extra={"enum": [*sorted(error_classes())]})
    type: str
    """`urn:roadmask:error:<code>`."""
    status: int


def problem_response(
    error: RoadmaskError, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The HTTP answer to an error."""
    extra = {}
    if error.status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    extra |= retry_after(error) | dict(headers or {})
    return JSONResponse(error.problem(), error.status, extra, media_type=PROBLEM_JSON)


def retry_after(error: RoadmaskError) -> dict[str, str]:
    """The header `Retry-After`; none for an error that a retry does not resolve."""
    if error.status not in (429, 503):
        return {}
    return {"Retry-After": str(error.extra.get("retry_after_s", RETRY_AFTER_S))}


def problems(
    *classes: type[RoadmaskError], common: Sequence[type[RoadmaskError]] = COMMON_PROBLEMS
) -> Responses:
    """The `responses=` of a route with these errors, by status, with an example of each."""
    documented: Responses = {}
    for cls in (*classes, *common):
        entry = documented.setdefault(
            cls.status,
            {
                "description": "",
                "content": {
                    PROBLEM_JSON: {
                        "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                        "examples": {},
                    }
                },
            },
        )
        titles = filter(None, (entry["description"], f"`{cls.code}`: {cls.title}"))
        entry["description"] = "; ".join(titles)
        example = cls(f"{cls.title}.")
        entry["content"][PROBLEM_JSON]["examples"][cls.code] = {"value": example.problem()}
    return documented


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of the app as `application/problem+json`."""
    app.add_exception_handler(RoadmaskError, _on_roadmask_error)
    app.add_exception_handler(RedisError, _on_redis_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """Convert Pydantic's errors to one error. It does not repeat the values of the request."""
    listed = [
        {"where": _where(error), "what": _what(error)} for error in errors[:MAX_VALIDATION_ERRORS]
    ]
    first = f"{listed[0]['where'] or 'body'}: {listed[0]['what']}"
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidRequest(f"{first}{others}.", errors=listed)


def _where(error: Mapping[str, Any]) -> str:
    """Where in the request an error is, such as `images.1.id` or `query.limit`."""
    location = list(error["loc"])
    return ".".join(map(str, location[1:] if location[:1] == ["body"] else location))


def _what(error: Mapping[str, Any]) -> str:
    """Pydantic's message, with patterns in words, and without names of Python."""
    pattern = error.get("ctx", {}).get("pattern")
    if pattern in IN_WORDS:
        return f"String should be {IN_WORDS[pattern]}"
    return ENUM_MEMBER.sub(r"\1", error["msg"])


def _forget_frames(error: BaseException) -> None:
    """Free the local variables, such as a body, of the functions through which an error passed.

    Frames and error form a reference cycle, which otherwise lives until a garbage collection.
    """
    chain: BaseException | None = error
    while chain is not None:
        chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__


async def _on_roadmask_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoadmaskError)
    request.state.error = error
    if error.status < 500:
        _forget_frames(error)
    return problem_response(error)


async def _on_redis_error(_: Request, error: Exception) -> Response:
    if not is_outage(error):
        raise error
    log.warning("Redis does not answer: %r", error)
    return problem_response(
        RecordsUnavailable("Redis, which keeps the job records, does not answer. Try again.")
    )


async def _on_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    _forget_frames(error)
    if isinstance(error.body, bytes):
        # FastAPI parses a body only when its Content-Type is JSON.
        return problem_response(InvalidRequest(JSON_EXPECTED))
    return problem_response(invalid_request(error.errors()))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    _forget_frames(error)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    where = f"{request.method} {request.url.path}"
    headers = dict(error.headers or {})
    if error.status_code == 405 and (methods := _methods(request)):
        headers["Allow"] = ", ".join(sorted(methods))
    known: dict[int, RoadmaskError] = {
        401: Unauthorized("Send your key as `Authorization: Bearer KEY` or `X-API-Key: KEY`."),
        404: NotFound(f"{where} does not exist. The addresses are listed at /docs."),
        405: MethodNotAllowed(f"{where} is not allowed. The methods are listed at /docs."),
        413: UploadTooLarge(error.detail),
        415: BodyCompressed(error.detail),
        503: Unavailable("The service is busy. Try again in a moment."),
    }
    fallback = InvalidRequest(f"The request could not be read: {error.detail}.")
    return problem_response(known.get(error.status_code, fallback), headers)


def _methods(request: Request) -> set[str]:
    """The allowed methods of the request's path. Starlette only knows those of the first route."""
    routes = request.app.state.api_routes
    path = request.url.path
    found = {m for route in routes if route.path_regex.match(path) for m in route.methods}
    return found | ({"HEAD"} if "GET" in found else set())


async def _on_disconnect(_: Request, error: Exception) -> Response:
    # The client closed the connection during its upload, so nobody reads this answer.
    return Response(status_code=400)
