"""A load generator for HTTP: requests one after another on many connections.

It does as little as possible, so that the server is the bottleneck: requests are prepared bytes,
and only the status and the length of a response are parsed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """The result of a load."""

    latencies: list[float]
    """Seconds, sorted."""
    seconds: float

    @property
    def rate(self) -> float:
        """Responses per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Latency in ms that this share of the responses does not exceed."""
        return 1000 * self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def request(method: str, url: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """A request as bytes."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    if body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def press(url: str, requests: list[bytes], connections: int, seconds: float) -> Load:
    """Send the requests in a cycle for `seconds`. Raises `AssertionError` on an error response."""
    return asyncio.run(_press(url, requests, connections, seconds))


async def _press(url: str, requests: list[bytes], connections: int, seconds: float) -> Load:
    endless = cycle(requests)
    start = time.perf_counter()
    parts = await asyncio.gather(*(_one(url, endless, start + seconds) for _ in range(connections)))
    taken = time.perf_counter() - start
    return Load(sorted(each for part in parts for each in part), taken)


async def _one(url: str, requests: Iterator[bytes], end: float) -> list[float]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    latencies = []
    try:
        while (start := time.perf_counter()) < end:
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 2"), head.decode()
            await reader.readexactly(_length(head))
            latencies.append(time.perf_counter() - start)
    finally:
        writer.close()
    return latencies


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)
