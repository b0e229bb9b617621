"""Prometheus metrics of a worker: items, stages of an image, micro-batches, the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

from roadmask.schemas.jobs import Lane

ITEMS = Counter(
    "roadmask_items",
    "Items that this worker ended, by outcome (succeeded, cached, failed) and the code of the "
    "error.",
    ["lane", "outcome", "cause"],
)
ATTEMPTS = Counter(
    "roadmask_attempts",
    "Attempts at items, by how they ended: succeeded, failed, ignored, returned, suspect.",
    ["lane", "verdict"],
)
STAGE_SECONDS = Histogram(
    "roadmask_stage_seconds",
    "Time of an image in a stage: fetch, decode, wait, infer, encode, store.",
    ["lane", "stage"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
BATCH_IMAGES = Histogram(
    "roadmask_batch_images", "Images in a micro-batch.", buckets=(1, 2, 4, 8, 16, 32, 64)
)
ENGINE_BUSY_SECONDS = Counter(
    "roadmask_engine_busy_seconds",
    "Time in which the engine ran at least one micro-batch: its rate is the busy share.",
)


def observe_stages(lane: Lane, timings_ms: Mapping[str, float]) -> None:
    """Observe the stages that an image went through."""
    for stage, milliseconds in timings_ms.items():
        STAGE_SECONDS.labels(lane, stage).observe(milliseconds / 1000)


class BusyClock:
    """Counts the time in which at least one call of the engine is running."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._counted_until = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the `with` block; blocks that overlap are counted once."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    def _add(self, calls: int) -> None:
        with self._lock:
            now = time.monotonic()
            if self._running:
                ENGINE_BUSY_SECONDS.inc(now - self._counted_until)
            self._counted_until = now
            self._running += calls
