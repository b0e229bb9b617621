"""Answers of a service, read tolerantly: it may be newer or older than this client."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from importlib.metadata import version
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from roadmask.client.transport import Call, Transport, error_of
from roadmask.errors import IncompatibleService
from roadmask.schemas.jobs import Item
from roadmask.schemas.wire import VERSION_HEADER, Page

Model = TypeVar("Model", bound=BaseModel)
SomePage = TypeVar("SomePage", bound=Page)

PAGE = 500
"""Items, jobs or images per page of a listing."""


class AnswerReader:
    """Sends calls and reads their answers as schemas. Raises `IncompatibleService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(self, model: type[Model], call: Call) -> Model:
        """The answer to a call."""
        return read_answer(model, await self._transport.send(call))

    async def get(self, model: type[Model], path: str) -> Model:
        """The answer to a GET."""
        return await self.send(model, Call("GET", path))

    async def post(
        self, model: type[Model], path: str, json: Any = None, *, idempotent: bool = False
    ) -> Model:
        """The answer to a POST, which is retried only when it is idempotent."""
        return await self.send(model, Call("POST", path, json=json, idempotent=idempotent))

    async def get_list(self, model: type[Model], path: str) -> list[Model]:
        """The answer to a GET that gives a list."""
        return await self.send_list(model, Call("GET", path))

    async def send_list(self, model: type[Model], call: Call) -> list[Model]:
        """The answer to a call that gives a list."""
        answer = await self._transport.send(call)
        found = read_json(answer)
        if not isinstance(found, list):
            raise incompatible(answer, "is not a list")
        return [read_part(model, one, answer) for one in found]

    async def pages(
        self,
        model: type[SomePage],
        path: str,
        filters: dict[str, Any],
        limit: int | None = None,
    ) -> AsyncGenerator[SomePage]:
        """The pages of a listing: all of them, or those with the first `limit` entries."""
        position: dict[str, str] = {}
        left = math.inf if limit is None else limit
        while left > 0:
            size = int(min(left, PAGE))
            page = await self.send(model, Call("GET", path, {"limit": size, **filters, **position}))
            yield page
            if page.next is None:
                return
            left -= size
            position = {"cursor": page.next}


def read_json(response: httpx.Response) -> Any:
    """The JSON of an answer. Raises `IncompatibleService` for anything else."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise incompatible(response, "is not JSON") from None


def read_answer(model: type[Model], response: httpx.Response) -> Model:
    """The answer as a schema; unknown members are ignored. Raises `IncompatibleService`."""
    return read_part(model, read_json(response), response)


def read_part(model: type[Model], part: Any, response: httpx.Response) -> Model:
    """A part of an answer's JSON as a schema. Raises `IncompatibleService`."""
    try:
        return model.model_validate(part)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(map(str, first["loc"])) or "value"
        raise incompatible(response, f"has no valid `{member}` ({first['msg']})") from error


def incompatible(response: httpx.Response, cause: str) -> IncompatibleService:
    """The error for an answer that this client cannot read, with both versions."""
    request = response.request
    server_version = response.headers.get(VERSION_HEADER)
    server = f"Roadmask {server_version}" if server_version else "which does not name its version"
    return IncompatibleService(
        f"The answer of {request.url.scheme}://{request.url.netloc.decode()} ({server}) to "
        f"{request.method} {request.url.path} {cause}; this client is Roadmask "
        f"{version('roadmask')}. Check the address, and install the same version of Roadmask on "
        "both sides."
    )


def raise_item_error(item: Item) -> None:
    """Raise the error of a failed item, as the class of `roadmask.errors` with its code."""
    if item.error is not None:
        raise error_of(item.error.model_dump())
