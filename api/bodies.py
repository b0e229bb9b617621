"""JSON bodies, read with a limit, after the key was checked, and off the event loop.

FastAPI reads a body before it looks at any dependency: whoever has no key could make it parse the
largest one. So the routes that take JSON ask for it here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from api.errors import malformed
from api.uploads import blocks, refuse_encoding
from roadmask.errors import InvalidRequest

MAX_JSON_BYTES = 64 * 2**20
T = TypeVar("T")


def parse(adapter: TypeAdapter[T], data: bytes | bytearray | str) -> T:
    """The JSON as the adapter's type. Raises `InvalidRequest` that says where it is wrong."""
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_input=False, include_context=False)
        raise malformed([dict(complaint) for complaint in complaints]) from None


def json_body(adapter: TypeAdapter[T]) -> Callable[[Request], Awaitable[T]]:
    """A dependency that reads the request's JSON body as the adapter's type."""

    async def read(request: Request) -> T:
        return await read_json(request, adapter)

    return read


async def read_json(request: Request, adapter: TypeAdapter[T]) -> T:
    """The request's JSON body as the adapter's type.

    Raises `InvalidRequest`, `UploadTooLarge`, `UnsupportedFormat`.
    """
    refuse_encoding(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidRequest("Send the body as JSON, with Content-Type: application/json.")
    body = bytearray()
    async for block in blocks(request, MAX_JSON_BYTES):
        body += block
    return await run_in_threadpool(parse, adapter, body)
