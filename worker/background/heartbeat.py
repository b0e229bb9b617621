"""The worker's heartbeat: its entry in the registry of workers, as long as it consumes."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.jobs import Lane
from storage.queue import JobQueue
from storage.workers import WorkerRegistry
from worker.work.consumption import Consumption

HEARTBEAT_S = 5.0
CHECK_S = 1.0
"""How often the consumed lanes are checked for a change."""
WINDOW = 12
"""Heartbeats over which the throughput is measured: one minute."""

log = logging.getLogger(__name__)


class Heartbeat:
    """Publishes the worker's process, status and throughput, and the lanes that it consumes.

    A worker that consumes no lane has no entry. `status` returns the facts to publish, `items_done`
    the number of items that this process has ended. Call `send` every `CHECK_S` seconds.
    """

    def __init__(
        self,
        registry: WorkerRegistry,
        queue: JobQueue,
        consumption: Consumption,
        worker_id: str,
        status: Callable[[], Mapping[str, object]],
        items_done: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._queue = queue
        self._consumption = consumption
        self._worker_id = worker_id
        self._status = status
        self._items_done = items_done
        self._process = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started_at": datetime.now(UTC).isoformat(),
        }
        self._history: deque[tuple[float, int]] = deque(maxlen=WINDOW)
        """Time and items done at each heartbeat."""
        self._lanes: list[Lane] = []
        """The lanes that were consumed at the last heartbeat."""
        self._due = 0.0

    def send(self) -> None:
        """Send a heartbeat if one is due, or if the consumed lanes have changed.

        Raises `RecordsUnavailable`.
        """
        lanes = self._consumed_lanes()
        if lanes == self._lanes and time.monotonic() < self._due:
            return
        if lanes:
            facts = {**self._process, **self._status(), **self._throughput(), "consuming": lanes}
            self._registry.heartbeat(self._worker_id, facts)
        else:
            self._registry.remove(self._worker_id)
        if lanes != self._lanes:
            level = logging.INFO if lanes else logging.ERROR
            log.log(level, "this worker consumes: %s", ", ".join(lanes) or "no lane")
        self._lanes, self._due = lanes, time.monotonic() + HEARTBEAT_S

    def _throughput(self) -> dict[str, float]:
        now, done = time.monotonic(), self._items_done()
        since, before = self._history[0] if self._history else (now, done)
        self._history.append((now, done))
        rate = (done - before) / (now - since) if now > since else 0.0
        return {"items_done": done, "images_per_second": round(rate, 2)}

    def _consumed_lanes(self) -> list[Lane]:
        for lane in self._consumption.served:
            self._consumption.see_messages(lane, self._queue.depth(lane))
        return self._consumption.lanes()

    def remove(self) -> None:
        """Remove the worker from the registry, if Redis is available."""
        with suppress(RecordsUnavailable):
            self._registry.remove(self._worker_id)
