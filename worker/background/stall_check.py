"""Ends a worker that has stopped consuming without a reason. A supervisor starts another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.jobs import Lane
from storage.queue import JobQueue
from worker.work.consumption import Consumption

PATIENCE_S = 60.0
"""How long a lane may stay unconsumed while Redis answers. Celery may need that to reconnect."""


class StallCheck:
    """Aborts the process if a lane that it once consumed is no longer consumed.

    A worker that is `stopping`, or that has no connection to Redis, is not aborted.
    """

    def __init__(
        self,
        consumption: Consumption,
        queue: JobQueue,
        stopping: threading.Event,
        abort: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumption = consumption
        self._queue = queue
        self._stopping = stopping
        self._abort = abort
        self._clock = clock
        self._consumed: set[Lane] = set()
        self._stalled_since: float | None = None

    def check(self) -> None:
        """Call this every few seconds. Raises `RecordsUnavailable`."""
        try:
            self._queue.depth(Lane.INTERACTIVE)
        except RecordsUnavailable:
            self._stalled_since = None
            raise
        lanes = set(self._consumption.lanes())
        self._consumed |= lanes
        stalled = sorted(self._consumed - lanes)
        if not stalled or self._stopping.is_set():
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = self._clock()
        elif self._clock() - self._stalled_since > PATIENCE_S:
            self._abort(f"The worker does not consume the lane {' or '.join(stalled)}")
