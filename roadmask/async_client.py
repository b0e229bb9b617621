"""The client for code that runs on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

from roadmask.awaiting import AsyncTransport
from roadmask.calls import Calls

if TYPE_CHECKING:
    from roadmask.outcomes import FileResult


class AsyncClient(Calls):
    """A connection to a Roadmask service, for one event loop of asyncio.

    The same calls with the same arguments as `roadmask.Client`: those with one result are
    awaited, those with many are read with `async for`.
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
        self._api_key = api_key

    @property
    def base_url(self) -> str:
        """Where the service is."""
        return self.transport.base_url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def segment_folder(
        self,
        folder: str | Path,
        out: str | Path,
        *,
        form: str = "png",
        model: str = "default",
        confidence: str | Path | None = None,
    ) -> AsyncGenerator[FileResult]:
        """Masks of all images below `folder` into the same tree below `out`, as they finish.

        Hashing, uploading and writing are work for threads: the run has its own, and connections
        of its own, while the event loop stays free. Left early, it stops and can be resumed."""
        from roadmask.batch import Batch
        from roadmask.client import Client

        patience, timeout = self.transport.patience, self.transport.timeout
        with (
            Client(self.base_url, self._api_key, timeout=timeout, patience=patience) as client,
            ThreadPoolExecutor(1, "segment_folder") as thread,
        ):
            sure = None if confidence is None else Path(confidence)
            batch = Batch(client, Path(folder), Path(out), form=form, model=model, confidence=sure)
            results = batch.run()
            loop = asyncio.get_running_loop()
            try:
                while result := await loop.run_in_executor(thread, next, results, None):
                    yield result
            finally:
                # Wakes the thread when it waits for news, and lets the run put things in order.
                batch.stop()
                thread.submit(results.close).result()
