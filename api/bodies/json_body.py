"""JSON bodies, parsed strictly.

FastAPI parses JSON with Python's `json`, which accepts lone surrogates (`"\\ud800"`): strings that
cannot be encoded later. Pydantic's parser refuses them, and is 3 times as fast. It accepts repeated
members, which `check_members` refuses. Neither parser releases the GIL, so a thread would not keep
the event loop free. The limits in `api.bodies.limits` keep the pause short.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from api.bodies.limits import check_value_count
from api.errors import JSON_EXPECTED, invalid_request
from roadmask.errors import InvalidRequest
from roadmask.json_members import check_members
from roadmask.schemas.jobs import JobCreate
from roadmask.schemas.media_types import JSON, media_type

T = TypeVar("T")

JOB_CREATE = TypeAdapter(JobCreate)
"""Parses the job of a body."""


class JsonRoute(APIRoute):
    """The `route_class=` of routers whose routes take typed bodies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler on a request that parses JSON strictly."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle


class _JsonRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        check_value_count(body)
        try:
            body = _as_utf8(body)
            value = from_json(body)
            check_members(body.decode())
            return value
        except ValueError as error:
            # FastAPI replaces every other exception by a message without the cause.
            raise HTTPException(422, str(error)) from None


def parse_json(adapter: TypeAdapter[T], data: bytes | str) -> T:
    """Parse JSON to the adapter's type. Raises `InvalidRequest`, which names the wrong member."""
    try:
        if isinstance(data, bytes):
            data = _as_utf8(data)
        value = adapter.validate_json(data)
        check_members(data if isinstance(data, str) else data.decode())
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise invalid_request([dict(each) for each in errors]) from None
    except ValueError as error:
        raise InvalidRequest(f"The JSON could not be read: {error}.") from None
    return value


async def read_json(request: Request) -> bytes:
    """The JSON body of a route that also takes other media types. Raises `InvalidRequest`."""
    if media_type(request.headers.get("content-type")) != JSON:
        raise InvalidRequest(JSON_EXPECTED)
    body = await request.body()
    check_value_count(body)
    return body


def _as_utf8(data: bytes) -> bytes:
    """JSON without a byte order mark, which PowerShell and editors of Windows write.

    Raises `ValueError` for UTF-16 and UTF-32.
    """
    encoding = json.detect_encoding(data)
    if not encoding.startswith("utf-8"):
        raise ValueError(f"it is in {encoding.upper()}; send it in UTF-8")
    return data.removeprefix(BOM_UTF8)
