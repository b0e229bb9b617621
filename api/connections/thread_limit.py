"""The limit of threads for requests, which is lowered while threads delay the event loop.

A thread that waits for Redis or the object store costs the loop nothing. A thread that computes
competes with the loop for the GIL. With 20 such threads the loop gets a twentieth of the time, and
the threads finish no sooner than 4 would.
"""

from __future__ import annotations

import asyncio
import time

import anyio.to_thread

MOST, LEAST = 40, 4
"""Bounds of the limit; 40 is anyio's default. Further requests wait in order."""
INTERVAL_S = 0.1
LATE_S = 0.02
"""Delay of a timer above which the loop counts as late, seconds."""


def next_limit(limit: int, late_s: float, loop_s: float, threads_s: float) -> int:
    """The next limit, from the delay of the loop and the CPU seconds of loop and threads.

    The limit is halved if the loop is late and the threads computed more than the loop. Otherwise
    it grows by 1: if other processes or the loop's own work are the cause, fewer threads would not
    help.
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
