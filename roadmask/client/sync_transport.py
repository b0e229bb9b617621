"""The transport that blocks, and the two functions that run calls over it without an event loop.

The calls are written once, as coroutines. Over a transport that never suspends, the first step of
a coroutine runs it to its end.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from roadmask.client.file_body import read_blocks
from roadmask.client.transport import (
    MAX_REDIRECTS,
    Call,
    Transport,
    problem_error,
    reading_proxies,
    request_options,
)

T = TypeVar("T")


class SyncTransport(Transport):
    """Sends calls while the thread waits; safe to share between threads and forked processes."""

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        timeout: float,
        patience: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        super().__init__(base_url, api_key, timeout, patience)
        self._transport = transport
        self._clients = self._open()

    async def send_once(self, call: Call) -> httpx.Response:
        if not isinstance(call.body, Path):
            return self._http.send(self._http.build_request(**request_options(call, call.body)))
        with call.body.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            options = request_options(call, read_blocks(file, size), size)
            return self._http.send(self._http.build_request(**options))

    async def fetch_once(self, url: str) -> httpx.Response:
        return self._links.get(url)

    async def lines(self, call: Call) -> AsyncGenerator[str]:
        with self._streamed(call) as response:
            for line in response.iter_lines():
                yield line

    async def blocks(self, call: Call) -> AsyncGenerator[bytes]:
        with self._streamed(call) as response:
            for block in response.iter_bytes():
                yield block

    async def foreign_blocks(self, url: str) -> AsyncGenerator[bytes]:
        with self._links.stream("GET", url, follow_redirects=True) as response:
            response.raise_for_status()
            for block in response.iter_bytes():
                yield block

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def offload(self, work: Callable[[], T]) -> T:
        return work()

    async def close(self) -> None:
        self._http.close()
        self._links.close()

    def _open(self) -> tuple[int, httpx.Client, httpx.Client]:
        """This process, and httpx clients for the service and for the links of other hosts."""
        with reading_proxies():
            http = httpx.Client(**self.client_options(), transport=self._transport)
            links = httpx.Client(
                **self.link_options(), transport=self._transport, max_redirects=MAX_REDIRECTS
            )
        return os.getpid(), http, links

    def _opened(self) -> tuple[httpx.Client, httpx.Client]:
        # A forked process would read the answers to its parent from connections that both have.
        if self._clients[0] != os.getpid():
            self._clients = self._open()
        return self._clients[1:]

    @property
    def _http(self) -> httpx.Client:
        return self._opened()[0]

    @property
    def _links(self) -> httpx.Client:
        return self._opened()[1]

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


def run_sync(work: Awaitable[T]) -> T:
    """Run a call over a `SyncTransport` and return its result."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("This call needs an event loop. Use AsyncClient.")


def iter_sync(results: AsyncGenerator[T]) -> Iterator[T]:
    """Yield the results of a call over a `SyncTransport`."""
    try:
        while True:
            try:
                result = run_sync(anext(results))
            except StopAsyncIteration:
                return
            yield result
    finally:
        run_sync(results.aclose())
