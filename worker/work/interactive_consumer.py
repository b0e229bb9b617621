"""Threads that consume only the interactive lane.

A large batch job occupies all threads of Celery's pool for as long as their chunks last. These
threads claim an interactive image at once. They pop a message without acknowledgement. If their
process dies before the claim, the reconciler finds the job without a lease and sends another
message, long before Celery's visibility timeout would restore an unacknowledged one.
"""

from __future__ import annotations

import threading

from roadmask.schemas.jobs import Lane
from storage.queue import JobQueue
from storage.scheduler.periodic import Periodic
from worker.work.chunks import ChunkRunner
from worker.work.consumption import Consumption
from worker.work.tasks import run_chunk

POLL_S = 1.0
"""How often a thread without messages checks whether to stop."""


class InteractiveConsumer:
    """Consumes interactive messages until stopped; reconnects when the connection is lost."""

    def __init__(
        self, queue: JobQueue, chunks: ChunkRunner, consumption: Consumption, threads: int
    ) -> None:
        self._queue = queue
        self._chunks = chunks
        self._consumption = consumption
        self._stopping = threading.Event()
        self._threads = [
            Periodic(f"interactive-{number}", POLL_S, self._consume) for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more messages, and wait until the current ones are done."""
        self._stopping.set()
        for thread in self._threads:
            thread.stop()

    def _consume(self) -> None:
        while not self._stopping.is_set():
            self._consumption.polled(Lane.INTERACTIVE)
            if job_id := self._queue.take(Lane.INTERACTIVE, POLL_S):
                run_chunk(self._chunks, self._consumption, job_id, Lane.INTERACTIVE)
