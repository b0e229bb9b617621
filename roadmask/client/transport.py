"""Transport: sends calls to the service, with authorization and retries, and raises its errors."""

from __future__ import annotations

import os
import platform
import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx

from roadmask.addresses import check_host
from roadmask.client.retries import IDEMPOTENT_METHODS, RETRIED_STATUSES, Backoff, retry_after
from roadmask.errors import (
    IncompatibleService,
    InvalidRequest,
    LinkExpired,
    NotFound,
    QueueFull,
    RoadmaskError,
    ServiceUnreachable,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UploadTooLarge,
    error_classes,
)
from roadmask.shown import shown

T = TypeVar("T")

LOOPBACK: dict[str, None] = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
"""Addresses that httpx reaches directly: a proxy of the environment would look for them on its own
machine. Curl and browsers do the same."""
MAX_REDIRECTS = 5
"""Redirects that are followed to a picture of another host."""
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
"""Errors for responses without a problem object, which come from a proxy or another server."""

SERVICE_ERRORS = (Unavailable, Unauthorized, QueueFull, TooManyRequests, IncompatibleService)
"""Errors that concern the service or the caller, not one image."""

STANDARD_MEMBERS = frozenset({"type", "title", "status", "code", "detail", "retryable"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request that can be sent any number of times."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    body: bytes | Path | None = None
    """Bytes, or the path of a file that is streamed from disk."""
    timeout: float | None = None
    """Longest silence in one try, seconds; default: the client's."""
    idempotent: bool = False
    """For a POST: its effect is the same when it arrives twice."""

    @property
    def is_idempotent(self) -> bool:
        """Whether the call can be sent again although it may have arrived already."""
        return (
            self.idempotent
            or self.method in IDEMPOTENT_METHODS
            or "Idempotency-Key" in self.headers
        )


class Transport(ABC):
    """Sends calls to one service.

    Idempotent calls are retried after connection errors, damaged responses, and the statuses 429,
    502, 503 and 504, with exponential back-off (or after the pause that `Retry-After` asks for),
    for `patience` seconds in all. Raises the classes of `roadmask.errors`; `ServiceUnreachable`
    when nothing answers.

    Subclasses do what touches the network or the clock: `AsyncTransport` suspends there,
    `SyncTransport` blocks and never suspends.
    """

    def __init__(
        self, base_url: str | None, api_key: str | None, timeout: float, patience: float
    ) -> None:
        url = base_url or os.environ.get("ROADMASK_URL") or DEFAULT_URL
        self.address: str = service_url(url)
        """With the user and password that it may have; `base_url`, which people see, has none."""
        self.base_url: str = re.sub(r"(?<=://)[^/]*@", "", self.address)
        self.api_key: str | None = checked_key(api_key or os.environ.get("ROADMASK_API_KEY"))
        self.timeout = timeout
        self.patience = patience
        self.disconnected = False
        """The last try got no response, and the call is being retried."""

    async def send(self, call: Call) -> httpx.Response:
        """The response to a call, once its status is a success."""
        return await self._retry(lambda: self.send_once(call), call.is_idempotent, self.base_url)

    async def fetch(self, url: str) -> bytes:
        """The object behind a signed URL. Raises `LinkExpired`, `NotFound`, `ServiceUnreachable`.

        The API key is not sent there: the object store must never see it."""
        place = url.partition("?")[0]
        return (await self._retry(lambda: self.fetch_once(url), True, place)).content

    async def download(self, call: Call) -> AsyncGenerator[bytes]:
        """The bytes of a long response as they come; retried only before the first of them.

        Raises `ServiceUnreachable` also when the response breaks off.
        """
        backoff, begun = Backoff(self.patience), False
        while True:
            try:
                async for block in self.blocks(call):
                    begun = True
                    yield block
                return
            except httpx.RequestError as error:
                if begun or not await self.pause(backoff):
                    raise unreachable(self.base_url, error) from error
            except RoadmaskError as error:
                if begun or not error.retryable or not await self.pause(backoff):
                    raise

    async def pause(self, backoff: Backoff, retry_after: float | None = None) -> bool:
        """Sleep before the next try; False when no time is left for one."""
        seconds = backoff.next_pause(retry_after)
        if seconds is not None:
            await self.sleep(seconds)
        return seconds is not None

    async def _retry(
        self, attempt: Callable[[], Awaitable[httpx.Response]], idempotent: bool, place: str
    ) -> httpx.Response:
        backoff = Backoff(self.patience)
        while True:
            try:
                response = await attempt()
                self.disconnected = False
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                cause = str(error).rstrip(".")
                raise InvalidRequest(f"{shown(place)[:200]} is not a URL ({cause}).") from error
            except httpx.RequestError as error:
                self.disconnected = True
                # A refused connection never carried the request: it can always be retried.
                again = idempotent or isinstance(error, httpx.ConnectError)
                if again and await self.pause(backoff):
                    continue
                raise unreachable(place, error) from error
            if response.is_success:
                return response
            again = idempotent and response.status_code in RETRIED_STATUSES
            if not again or not await self.pause(backoff, retry_after(response)):
                raise problem_error(response)

    @abstractmethod
    async def send_once(self, call: Call) -> httpx.Response:
        """Send a call once; a file is streamed from disk."""

    @abstractmethod
    async def fetch_once(self, url: str) -> httpx.Response:
        """Get a signed URL once, without the API key."""

    @abstractmethod
    def lines(self, call: Call) -> AsyncGenerator[str]:
        """The lines of a response as they come, in one try. Raises `httpx.RequestError`."""

    @abstractmethod
    def blocks(self, call: Call) -> AsyncGenerator[bytes]:
        """The bytes of a response as they come, in one try. Raises `httpx.RequestError`."""

    @abstractmethod
    def foreign_blocks(self, url: str) -> AsyncGenerator[bytes]:
        """The bytes at a URL of any host, in one try, without the API key.

        Redirects are followed. Raises `httpx.HTTPStatusError` and `httpx.RequestError`.
        """

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Pause this call."""

    @abstractmethod
    async def offload(self, work: Callable[[], T]) -> T:
        """The result of work that keeps a core or a disk busy."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""

    def client_options(self) -> dict[str, Any]:
        """The arguments of the httpx client that calls the service."""
        headers = {"User-Agent": user_agent()}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return self.link_options() | {"base_url": self.address, "headers": headers}

    def link_options(self) -> dict[str, Any]:
        """The arguments of the httpx client that fetches pictures of other hosts."""
        files = tuple(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
        try:
            authorities = _authorities(*files)
        except (OSError, ssl.SSLError) as error:
            raise InvalidRequest(
                f"The certificates of SSL_CERT_FILE={files[0]} SSL_CERT_DIR={files[1]} cannot be "
                f"read ({error}). Correct or unset these variables."
            ) from error
        return {"timeout": limits(self.timeout), "verify": authorities, "mounts": LOOPBACK}


@cache
def _authorities(*_files: str | None) -> ssl.SSLContext:
    """The authorities of these files, read once: that takes 25 ms, which each client would pay."""
    return httpx.create_ssl_context()


@contextmanager
def reading_proxies() -> Iterator[None]:
    """Make httpx clients, which read the proxies of the environment.

    Raises `InvalidRequest` for one that cannot be used.
    """
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise InvalidRequest(
            f"A proxy of the environment cannot be used ({error}). Correct or unset HTTP_PROXY, "
            "HTTPS_PROXY, ALL_PROXY and NO_PROXY."
        ) from error


def service_url(text: str) -> str:
    """The URL of a service, without a slash at its end; `host:port` alone is HTTP.

    An address of the page may be given: what is behind its `#` is a view of the page.

    Raises `InvalidRequest`, which repeats no password, for what is no HTTP URL of a server.
    """
    url = text.strip()
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url):
        url = f"http://{url}"
    try:
        parsed = httpx.URL(url)
        check_host(parsed.raw_host.decode("ascii"))
        # What is no IDNA would fail in the middle of a call.
        is_address = (
            bool(parsed.host)
            and parsed.scheme in ("http", "https")
            and 0 < (parsed.port or 80) < 2**16
            and "?" not in url.partition("#")[0]
        )
    except (httpx.InvalidURL, ValueError):
        is_address = False
    if not is_address:
        place = re.sub("(?<=://).*@", "", url, flags=re.DOTALL)
        raise InvalidRequest(
            f"{place!r} is not the address of a service; write it as http://HOST:PORT."
        )
    return url.partition("#")[0].rstrip("/")


def checked_key(text: str | None) -> str | None:
    """An API key, without the line break of its file; None for an empty one.

    Raises `InvalidRequest`, which does not repeat it, for a text that no header can carry.
    """
    key = (text or "").strip()
    if not re.fullmatch(r"[ -~]*", key):
        raise InvalidRequest(
            "The API key has a line break or a character that is not ASCII, which no header can "
            "carry. Check --api-key or ROADMASK_API_KEY."
        )
    return key or None


def limits(timeout: float) -> httpx.Timeout:
    """How long the service may be silent, seconds.

    A call that waits until one of many others gives its connection back waits without a limit: that
    is not the silence of the service.
    """
    return httpx.Timeout(timeout, pool=None)


def user_agent() -> str:
    """Which client sends a request."""
    return f"roadmask/{version('roadmask')} python/{platform.python_version()}"


def request_options(call: Call, content: Any = None, size: int | None = None) -> dict[str, Any]:
    """The arguments of httpx's `build_request` for a call; `size` is that of streamed `content`.

    Raises `InvalidRequest` for a URL of another host, which must not get the API key.
    """
    if not call.path.startswith("/") or call.path.startswith("//"):
        raise InvalidRequest(
            f"{call.path[:80]!r} is no path of the service. Begin it with one slash; `fetch` reads "
            "signed URLs."
        )
    # Without the length of a stream httpx would send it in chunks.
    length = {} if size is None else {"Content-Length": str(size)}
    return {
        "method": call.method,
        "url": call.path,
        "params": call.params,
        "headers": call.headers | length,
        "json": call.json,
        "content": content,
        "timeout": httpx.USE_CLIENT_DEFAULT if call.timeout is None else limits(call.timeout),
    }


def unreachable(place: str, error: httpx.RequestError) -> ServiceUnreachable:
    """The error for an address where nothing answers, or from which no whole answer comes."""
    cause = str(error) or type(error).__name__
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.DecodingError):
        return ServiceUnreachable(
            f"No whole answer comes from {place} ({cause}). Check the address, any proxy on the "
            "way, and the log of the service."
        )
    return ServiceUnreachable(
        f"Nothing answers at {place} ({cause}).{_proxy_hint(place)} Start a service with "
        "`roadmask up`, or give the address of a running one with --url or ROADMASK_URL."
    )


def _proxy_hint(place: str) -> str:
    """A sentence for an address that is called through a proxy."""
    url = httpx.URL(place)
    proxies = getproxies()
    is_direct = f"all://{url.host}" in LOOPBACK or proxy_bypass(url.host)
    if is_direct or not (url.scheme in proxies or "all" in proxies):
        return ""
    return " It is called through a proxy: check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."


def problem_error(response: httpx.Response) -> RoadmaskError:
    """The error that a response's problem object (RFC 9457) stands for."""
    host = response.request.url.host
    answer = f"{host} answered {response.status_code} {response.reason_phrase}"
    if response.has_redirect_location:
        place = shown(response.headers["Location"].partition("?")[0])
        return IncompatibleService(
            f"{answer}: {place}. A client sends its key to no other address. If the service has "
            "moved there, name it with --url or ROADMASK_URL."
        )
    try:
        problem = response.json()
        is_known = problem["code"] in error_classes()
    except (ValueError, KeyError, TypeError, RecursionError):
        is_known = False
    if is_known:
        return error_of(problem)
    return BY_STATUS.get(response.status_code, RoadmaskError)(f"{answer}.")


def error_of(problem: Mapping[str, Any]) -> RoadmaskError:
    """The error that a problem object (RFC 9457) stands for."""
    cls = error_classes().get(problem.get("code", ""), RoadmaskError)
    extra = {name: value for name, value in problem.items() if name not in STANDARD_MEMBERS}
    return cls(str(problem.get("detail", cls.title)), **extra)
