"""An AsyncClient with the sync calls of a Client. Its event loop runs in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from inspect import iscoroutine
from threading import Thread
from typing import Any, Self, TypeVar

from roadmask import AsyncClient

T = TypeVar("T")


class SyncAsyncClient:
    """Every call of `AsyncClient`, awaited on a loop that many threads may use."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = self._run(self._connect(*arguments, **options))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._client.close())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._synchronous(found) if callable(found) else found

    async def _connect(self, *arguments: Any, **options: Any) -> AsyncClient:
        return AsyncClient(*arguments, **options)

    def _synchronous(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def method(*arguments: Any, **options: Any) -> Any:
            result = call(*arguments, **options)
            if isinstance(result, AsyncGenerator):
                return self._each(result)
            return self._run(result) if iscoroutine(result) else result

        return method

    def _each(self, results: AsyncGenerator[Any]) -> Iterator[Any]:
        async def following() -> tuple[Any] | None:
            try:
                return (await anext(results),)
            except StopAsyncIteration:
                return None

        async def close() -> None:
            await results.aclose()

        try:
            while found := self._run(following()):
                yield found[0]
        finally:
            self._run(close())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
