"""The way to the service and back: authorization, retries that are safe, errors as exceptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


class Transport:
    """Sends calls to one service.

    A call that is safe to send twice is tried again on connection errors and on 429, 502, 503 and
    504, with growing jittered pauses (or as `Retry-After` asks), for `patience` seconds in all.
    Raises the classes of `roadmask.errors`; `ServiceUnreachable` where nothing answers.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        timeout: float,
        patience: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.patience = patience
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(
            base_url=self.base_url, headers=headers, timeout=timeout, transport=transport
        )
        # Signed links lead to an object store, which must never see the API key.
        self._links = httpx.Client(timeout=timeout, transport=transport)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._links.close()

    def send(self, call: Call) -> httpx.Response:
        """The answer, once it is a good one."""
        return self._persist(lambda: self._send_once(call), call.is_safe, self.base_url)

    def fetch(self, url: str) -> bytes:
        """What a signed link leads to. Raises `LinkExpired`, `NotFound`, `ServiceUnreachable`."""
        return self._persist(lambda: self._links.get(url), True, url.partition("?")[0]).content

    def _persist(
        self, attempt: Callable[[], httpx.Response], safe: bool, place: str
    ) -> httpx.Response:
        patience = Patience(self.patience)
        while True:
            try:
                response = attempt()
            except httpx.TransportError as error:
                # A refused connection never carried the request: always safe to try again.
                again = safe or isinstance(error, httpx.ConnectError)
                if again and patience.pause():
                    continue
                raise unreachable(place, error) from error
            if response.is_success:
                return response
            passing = safe and response.status_code in PASSING_STATUSES
            if not passing or not patience.pause(retry_after(response)):
                raise problem_error(response)

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """An open answer to read from piece by piece; tried once, transport errors pass through."""
        request = self._build(call)
        response = self._http.send(request, stream=True)
        try:
            if not response.is_success:
                response.read()
                raise problem_error(response)
            yield response
        finally:
            response.close()

    def _send_once(self, call: Call) -> httpx.Response:
        if not isinstance(call.body, Path):
            return self._http.send(self._build(call, call.body))
        with call.body.open("rb") as file:
            return self._http.send(self._build(call, file))

    def _build(self, call: Call, content: Any = None) -> httpx.Request:
        timeout = httpx.USE_CLIENT_DEFAULT if call.timeout is None else call.timeout
        return self._http.build_request(
            call.method,
            call.path,
            params=call.params,
            headers=call.headers,
            json=call.json,
            content=content,
            timeout=timeout,
        )


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
