"""The client's calls for code that runs on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TypeVar

import httpx

from roadmask.transport import (
    Call,
    Transport,
    client_options,
    problem_error,
    request_options,
)

T = TypeVar("T")

BLOCK = 2**18
"""Bytes of a file that are read at once."""


class AsyncTransport(Transport):
    """Sends calls while other tasks of the event loop run."""

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        timeout: float,
        patience: float,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        super().__init__(base_url, timeout, patience)
        options = client_options(self.base_url, api_key, timeout)
        self._http = httpx.AsyncClient(**options, transport=transport)
        self._links = httpx.AsyncClient(timeout=timeout, transport=transport)

    async def attempt(self, call: Call) -> httpx.Response:
        """Send a call once; a file is streamed from disk."""
        if not isinstance(call.body, Path):
            request = self._http.build_request(**request_options(call, call.body))
            return await self._http.send(request)
        with call.body.open("rb") as file:
            request = self._http.build_request(**request_options(call, _blocks(file)))
            # Of a stream httpx cannot know the length; without one it would come in chunks.
            del request.headers["Transfer-Encoding"]
            request.headers["Content-Length"] = str(call.body.stat().st_size)
            return await self._http.send(request)

    async def attempt_link(self, url: str) -> httpx.Response:
        """Follow a signed link once."""
        return await self._links.get(url)

    async def lines(self, call: Call) -> AsyncGenerator[str]:
        """The lines of an answer as they come."""
        async with self._streamed(call) as response:
            async for line in response.aiter_lines():
                yield line

    async def blocks(self, call: Call) -> AsyncGenerator[bytes]:
        """The bytes of an answer as they come."""
        async with self._streamed(call) as response:
            async for block in response.aiter_bytes():
                yield block

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and other tasks run."""
        await asyncio.sleep(seconds)

    async def aside(self, work: Callable[[], T]) -> T:
        """The result of the work, done in a thread."""
        return await asyncio.to_thread(work)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        await self._links.aclose()

    @asynccontextmanager
    async def _streamed(self, call: Call) -> AsyncIterator[httpx.Response]:
        request = self._http.build_request(**request_options(call))
        response = await self._http.send(request, stream=True)
        try:
            if not response.is_success:
                await response.aread()
                raise problem_error(response)
            yield response
        finally:
            await response.aclose()


async def _blocks(file: IO[bytes]) -> AsyncGenerator[bytes]:
    while block := await asyncio.to_thread(file.read, BLOCK):
        yield block
