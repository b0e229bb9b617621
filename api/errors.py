"""Errors on the wire: every failure becomes one `application/problem+json` (RFC 9457).

Routes raise, the handlers here answer. What nobody foresaw is a plain `internal_error`; its cause
goes to the log and never to the client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.headers import SECURITY_HEADERS
from roadmask.errors import (
    CrossSiteRequest,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RecordsUnavailable,
    RoadmaskError,
    StoreUnavailable,
    Unauthorized,
    Unavailable,
    UploadTooLarge,
    error_classes,
)
from roadmask.jobs import Problem

Responses = dict[int | str, dict[str, Any]]
"""What FastAPI takes as `responses=`: by status, how an answer looks."""
PROBLEM_JSON = "application/problem+json"
MAX_COMPLAINTS = 20
"""How many of a malformed request's faults are listed."""
RETRY_AFTER_S = 5
"""What a client is told to wait where trying again can help."""

EVERYWHERE = (
    Unauthorized,
    CrossSiteRequest,
    InvalidRequest,
    RecordsUnavailable,
    StoreUnavailable,
    RoadmaskError,
)
"""Ways in which every route that needs a key can fail."""


class ProblemDocument(Problem):
    """Why a request failed (RFC 9457), with the stable code that programs can rely on."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(json_schema_extra={"enum": [*sorted(error_classes())]})
    type: str
    """`urn:roadmask:error:<code>`."""
    status: int


def problem_response(
    error: RoadmaskError, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The HTTP answer to an error."""
    extra = dict(headers or {})
    if error.status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    if error.status in (429, 503):
        extra["Retry-After"] = str(RETRY_AFTER_S)
    return JSONResponse(error.problem(), error.status, extra, media_type=PROBLEM_JSON)


def problems(
    *classes: type[RoadmaskError], everywhere: Sequence[type[RoadmaskError]] = EVERYWHERE
) -> Responses:
    """The `responses=` of a route that can fail in these ways, by status, with an example each."""
    documented: Responses = {}
    for cls in (*classes, *everywhere):
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
    """Answer every failure of the app in the one shape."""
    app.add_exception_handler(RoadmaskError, _on_roadmask_error)
    app.add_exception_handler(RequestValidationError, _on_malformed)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_hung_up)
    app.add_exception_handler(Exception, _on_unforeseen)


def malformed(complaints: list[dict[str, Any]]) -> InvalidRequest:
    """Pydantic's complaints as one error; the values that were sent are not repeated."""
    faults = [
        {"where": ".".join(str(part) for part in complaint["loc"]), "what": complaint["msg"]}
        for complaint in complaints[:MAX_COMPLAINTS]
    ]
    first = f"{faults[0]['where'] or 'body'}: {faults[0]['what']}" if faults else "It is malformed"
    others = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return InvalidRequest(f"{first}{others}.", errors=faults)


async def _on_roadmask_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RoadmaskError)
    return problem_response(error)


async def _on_malformed(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(malformed(list(error.errors())))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    where = f"{request.method} {request.url.path}"
    known: dict[int, RoadmaskError] = {
        404: NotFound(f"There is nothing at {where}. The addresses are listed at /docs."),
        405: MethodNotAllowed(f"{where} is not possible. The methods are listed at /docs."),
        413: UploadTooLarge("The body is larger than this address takes."),
        503: Unavailable("The service is busy. Try again in a moment."),
    }
    fallback = InvalidRequest(f"The request could not be read: {error.detail}.")
    return problem_response(known.get(error.status_code, fallback), error.headers)


async def _on_hung_up(_: Request, error: Exception) -> Response:
    # Nobody reads this: the client left in the middle of its upload.
    return Response(status_code=400)


async def _on_unforeseen(_: Request, error: Exception) -> Response:
    internal = RoadmaskError(
        "Something went wrong inside the service; the cause is in its log. Trying again may help."
    )
    # This handler answers outside of every middleware, so the headers are set here.
    return problem_response(internal, SECURITY_HEADERS)
