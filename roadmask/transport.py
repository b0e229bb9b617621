"""The way to the service and back: authorization, retries that are safe, errors as exceptions."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from roadmask.errors import (
    LinkExpired,
    NotFound,
    QueueFull,
    RoadmaskError,
    ServiceUnreachable,
    Unauthorized,
    Unavailable,
    UploadTooLarge,
    error_classes,
)
from roadmask.retries import PASSING_STATUSES, SAFE_METHODS, Patience, retry_after

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8000"

BY_STATUS: dict[int, type[RoadmaskError]] = {
    401: Unauthorized,
    403: LinkExpired,
    404: NotFound,
    413: UploadTooLarge,
    429: QueueFull,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
"""What an answer without a problem object means: it came from a proxy or another server."""

STOPPERS = (Unavailable, Unauthorized, QueueFull)
"""Errors that are about the service or the caller rather than about one image."""

STANDARD_MEMBERS = frozenset({"type", "title", "status", "code", "detail", "retryable"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request before it is sent; it can be built, and sent, any number of times."""

    method: str
    path: str
    params: dict[str, str | int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    body: bytes | Path | None = None
    """Bytes, or a file that is streamed from disk."""
    timeout: float | None = None
    """Seconds without a sign of life before a try counts as failed; default: the client's."""
    repeatable: bool = False
    """A POST that means the same when it arrives twice."""

    @property
    def is_safe(self) -> bool:
        """Whether the call may be sent again although it may have arrived already."""
        return self.repeatable or self.method in SAFE_METHODS or "Idempotency-Key" in self.headers


class Transport(ABC):
    """Sends calls to one service.

    A call that is safe to send twice is tried again on connection errors and on 429, 502, 503 and
    504, with growing jittered pauses (or as `Retry-After` asks), for `patience` seconds in all.
    Raises the classes of `roadmask.errors`; `ServiceUnreachable` where nothing answers.

    What touches the network or the clock is left to the two kinds of transport: one that lets
    others run meanwhile, and one that blocks and so never suspends.
    """

    def __init__(self, base_url: str | None, timeout: float, patience: float) -> None:
        url = base_url or os.environ.get("ROADMASK_URL") or DEFAULT_URL
        self.base_url: str = url.rstrip("/")
        self.timeout = timeout
        self.patience = patience
        self.lost = False
        """Nothing answered lately, and a call is tried again."""

    async def send(self, call: Call) -> httpx.Response:
        """The answer, once it is a good one."""
        return await self._persist(lambda: self.attempt(call), call.is_safe, self.base_url)

    async def fetch(self, url: str) -> bytes:
        """What a signed link leads to. Raises `LinkExpired`, `NotFound`, `ServiceUnreachable`."""
        place = url.partition("?")[0]
        return (await self._persist(lambda: self.attempt_link(url), True, place)).content

    async def download(self, call: Call) -> AsyncGenerator[bytes]:
        """The bytes of a long answer as they come; tried again only before the first of them.

        Raises `ServiceUnreachable` also when the answer breaks off.
        """
        patience, begun = Patience(self.patience), False
        while True:
            try:
                async for block in self.blocks(call):
                    begun = True
                    yield block
                return
            except httpx.TransportError as error:
                if begun or not await self.pause(patience):
                    raise unreachable(self.base_url, error) from error
            except RoadmaskError as error:
                if begun or not error.retryable or not await self.pause(patience):
                    raise

    async def pause(self, patience: Patience, asked: float | None = None) -> bool:
        """Sleep before the next try. False: no time is left for one."""
        seconds = patience.next_pause(asked)
        if seconds is not None:
            await self.sleep(seconds)
        return seconds is not None

    async def _persist(
        self, attempt: Callable[[], Awaitable[httpx.Response]], safe: bool, place: str
    ) -> httpx.Response:
        patience = Patience(self.patience)
        while True:
            try:
                response = await attempt()
                self.lost = False
            except httpx.TransportError as error:
                self.lost = True
                # A refused connection never carried the request: always safe to try again.
                again = safe or isinstance(error, httpx.ConnectError)
                if again and await self.pause(patience):
                    continue
                raise unreachable(place, error) from error
            if response.is_success:
                return response
            passing = safe and response.status_code in PASSING_STATUSES
            if not passing or not await self.pause(patience, retry_after(response)):
                raise problem_error(response)

    @abstractmethod
    async def attempt(self, call: Call) -> httpx.Response:
        """Send a call once."""

    @abstractmethod
    async def attempt_link(self, url: str) -> httpx.Response:
        """Follow a signed link once; the API key stays here: stores must never see it."""

    @abstractmethod
    def lines(self, call: Call) -> AsyncGenerator[str]:
        """The lines of an answer as they come; tried once, transport errors pass through."""

    @abstractmethod
    def blocks(self, call: Call) -> AsyncGenerator[bytes]:
        """An answer's bytes as they come; tried once, transport errors pass through."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    async def aside(self, work: Callable[[], T]) -> T:
        """The result of work that keeps a core or a disk busy."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""


def client_options(base_url: str, api_key: str | None, timeout: float) -> dict[str, Any]:
    """How an httpx client of the service is set up."""
    key = api_key or os.environ.get("ROADMASK_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"base_url": base_url, "headers": headers, "timeout": timeout}


def request_options(call: Call, content: Any = None) -> dict[str, Any]:
    """A call as the arguments of httpx's `build_request`."""
    return {
        "method": call.method,
        "url": call.path,
        "params": call.params,
        "headers": call.headers,
        "json": call.json,
        "content": content,
        "timeout": httpx.USE_CLIENT_DEFAULT if call.timeout is None else call.timeout,
    }


def unreachable(place: str, error: httpx.TransportError) -> ServiceUnreachable:
    """The exception for a place where nothing answers."""
    cause = str(error) or type(error).__name__
    return ServiceUnreachable(
        f"Nothing answers at {place} ({cause}). Start a service with `roadmask up`, "
        "or name the right one with --url or ROADMASK_URL."
    )


def problem_error(response: httpx.Response) -> RoadmaskError:
    """The exception that an answer's problem object (RFC 9457) stands for."""
    try:
        problem = response.json()
        cls = error_classes()[problem["code"]]
    except (ValueError, KeyError, TypeError):
        cls = BY_STATUS.get(response.status_code, RoadmaskError)
        host = response.request.url.host
        return cls(f"{host} answered {response.status_code} {response.reason_phrase}.")
    extra = {name: value for name, value in problem.items() if name not in STANDARD_MEMBERS}
    return cls(str(problem.get("detail", cls.title)), **extra)
