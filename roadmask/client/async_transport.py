"""The transport for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
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
        super().__init__(base_url, api_key, timeout, patience)
        with reading_proxies():
            self._http = httpx.AsyncClient(**self.client_options(), transport=transport)
            self._links = httpx.AsyncClient(
                **self.link_options(), transport=transport, max_redirects=MAX_REDIRECTS
            )

    async def send_once(self, call: Call) -> httpx.Response:
        if not isinstance(call.body, Path):
            request = self._http.build_request(**request_options(call, call.body))
            return await self._http.send(request)
        with call.body.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            options = request_options(call, _blocks(read_blocks(file, size)), size)
            return await self._http.send(self._http.build_request(**options))

    async def fetch_once(self, url: str) -> httpx.Response:
        return await self._links.get(url)

    async def lines(self, call: Call) -> AsyncGenerator[str]:
        async with self._streamed(call) as response:
            async for line in response.aiter_lines():
                yield line

    async def blocks(self, call: Call) -> AsyncGenerator[bytes]:
        async with self._streamed(call) as response:
            async for block in response.aiter_bytes():
                yield block

    async def foreign_blocks(self, url: str) -> AsyncGenerator[bytes]:
        async with self._links.stream("GET", url, follow_redirects=True) as response:
            response.raise_for_status()
            async for block in response.aiter_bytes():
                yield block

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def offload(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    async def close(self) -> None:
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


async def _blocks(blocks: Iterator[bytes]) -> AsyncGenerator[bytes]:
    while block := await asyncio.to_thread(next, blocks, b""):
        yield block
