"""The client's calls for code that blocks: nothing below them ever suspends.

The calls are written once, as coroutines. Over a transport that blocks, a coroutine runs from its
first step to its end without an event loop.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from roadmask.transport import (
    Call,
    Transport,
    client_options,
    problem_error,
    request_options,
)

T = TypeVar("T")


class BlockingTransport(Transport):
    """Sends calls while the thread waits; safe to share between threads."""

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        timeout: float,
        patience: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        super().__init__(base_url, timeout, patience)
        options = client_options(self.base_url, api_key, timeout)
        self._http = httpx.Client(**options, transport=transport)
        self._links = httpx.Client(timeout=timeout, transport=transport)

    async def attempt(self, call: Call) -> httpx.Response:
        """Send a call once; a file is streamed from disk."""
        if not isinstance(call.body, Path):
            return self._http.send(self._http.build_request(**request_options(call, call.body)))
        with call.body.open("rb") as file:
            return self._http.send(self._http.build_request(**request_options(call, file)))

    async def attempt_link(self, url: str) -> httpx.Response:
        """Follow a signed link once."""
        return self._links.get(url)

    async def lines(self, call: Call) -> AsyncGenerator[str]:
        """The lines of an answer as they come."""
        with self._streamed(call) as response:
            for line in response.iter_lines():
                yield line

    async def blocks(self, call: Call) -> AsyncGenerator[bytes]:
        """The bytes of an answer as they come."""
        with self._streamed(call) as response:
            for block in response.iter_bytes():
                yield block

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    async def aside(self, work: Callable[[], T]) -> T:
        """The result of the work, done here and now."""
        return work()

    async def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._links.close()

    @contextmanager
    def _streamed(self, call: Call) -> Iterator[httpx.Response]:
        request = self._http.build_request(**request_options(call))
        response = self._http.send(request, stream=True)
        try:
            if not response.is_success:
                response.read()
                raise problem_error(response)
            yield response
        finally:
            response.close()


def finish(work: Awaitable[T]) -> T:
    """The result of a call over a `BlockingTransport`."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("This call waits for an event loop; use AsyncClient.")


def each(results: AsyncGenerator[T]) -> Iterator[T]:
    """The results of a call over a `BlockingTransport`, one by one."""
    try:
        while True:
            try:
                result = finish(anext(results))
            except StopAsyncIteration:
                return
            yield result
    finally:
        finish(results.aclose())
