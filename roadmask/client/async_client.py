"""The client for asyncio."""

from __future__ import annotations

from typing import Self

import httpx

from roadmask.client.api import Api
from roadmask.client.async_transport import AsyncTransport


class AsyncClient(Api):
    """A connection to a Roadmask service, for one event loop of asyncio.

    It has the calls of `roadmask.Client` with the same arguments. Calls with one result are
    awaited; calls with many are read with `async for`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        patience: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(AsyncTransport(base_url, api_key, timeout, patience, transport))

    @property
    def base_url(self) -> str:
        """The URL of the service."""
        return self.transport.base_url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
