"""The number of threads that work for requests: fewer while they keep the event loop waiting.

A thread that waits for Redis or the object store costs the loop nothing. A thread that computes
takes turns with it at the interpreter's lock: beside 20 of them the loop gets a twentieth of the
time, and they finish no sooner than 4 would.
"""

from __future__ import annotations

import asyncio
import time

import anyio.to_thread

MOST, LEAST = 40, 4
"""Threads at a time; anyio's own number is 40. Requests beyond them wait in order."""
INTERVAL_S = 0.1
LATE_S = 0.02
"""A loop that comes this much later than it asked for is kept waiting, seconds."""


def next_limit(limit: int, late_s: float, loop_s: float, threads_s: float) -> int:
    """The limit after an interval in which loop and threads took so much processor time.

    Half as many threads when the loop is late and they computed more than it did, otherwise one
    more. A loop that is late because of other processes, or of its own work, needs all of them.
    """
    if late_s > LATE_S and threads_s > loop_s:
        return max(LEAST, limit // 2)
    return min(MOST, limit + 1)


async def adapt_thread_limit() -> None:
    """Adapt the limit of this event loop's threads, until canceled."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = MOST
    while True:
        began, loop_began, all_began = time.monotonic(), time.thread_time(), time.process_time()
        await asyncio.sleep(INTERVAL_S)
        late_s = time.monotonic() - began - INTERVAL_S
        loop_s = time.thread_time() - loop_began
        threads_s = time.process_time() - all_began - loop_s
        limiter.total_tokens = next_limit(int(limiter.total_tokens), late_s, loop_s, threads_s)
