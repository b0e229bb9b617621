"""Requests that stay open: event streams, and requests that wait for a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from fastapi import Request

from roadmask.errors import TooManyRequests, Unavailable
from roadmask.settings import Settings


class OpenStreams:
    """Counts the open streams of this process, in total and for each client address."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.max_streams
        self._limit_per_address = settings.max_streams_per_address
        self._open = 0
        self._addresses: Counter[str] = Counter()

    def one_of(self, request: Request) -> AbstractContextManager[None]:
        """Count a stream inside the `with` block, without a reference to the request.

        Raises `TooManyRequests` if the client has too many streams, and `Unavailable` if the
        process has.
        """
        return self._counted(request.client.host if request.client else "")

    @contextmanager
    def _counted(self, address: str) -> Iterator[None]:
        if self._addresses[address] >= self._limit_per_address:
            raise TooManyRequests(
                f"{address} has {self._limit_per_address} streams and waiting requests open, which "
                "is the limit. Close some, or poll."
            )
        if self._open >= self._limit:
            raise Unavailable("The service has too many open streams. Poll, or try again later.")
        self._open += 1
        self._addresses[address] += 1
        try:
            yield
        finally:
            self._open -= 1
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
