"""Threads that consume only the interactive lane.

Celery's pool takes messages of both lanes, and a large batch job occupies all its threads for as
long as their chunks last. These threads take interactive messages only, from the same queue with
the same connection settings, so that an interactive image is claimed at once.
"""

from __future__ import annotations

import logging
import threading
from queue import Empty

from celery import Celery
from kombu import Message

from roadmask.schemas.jobs import Lane
from storage.queue import TASK
from storage.scheduler.periodic import Periodic
from worker.work.chunks import ChunkRunner
from worker.work.consumption import Consumption
from worker.work.tasks import run_chunk

THREADS = 2
"""While one image is in the model, the next one is fetched."""
POLL_S = 1.0
"""How often a thread without messages checks whether to stop."""

log = logging.getLogger(__name__)


class InteractiveConsumer:
    """Consumes interactive messages until stopped; reconnects when the connection is lost."""

    def __init__(self, app: Celery, chunks: ChunkRunner, consumption: Consumption) -> None:
        self._app = app
        self._chunks = chunks
        self._consumption = consumption
        self._stopping = threading.Event()
        self._threads = [
            Periodic(f"interactive-{number}", POLL_S, self._consume) for number in range(THREADS)
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
        with (
            self._app.connection_for_read() as connection,
            connection.SimpleQueue(Lane.INTERACTIVE.value) as messages,
        ):
            messages.consumer.on_decode_error = _drop
            while not self._stopping.is_set():
                self._consumption.turn(Lane.INTERACTIVE)
                try:
                    message = messages.get(timeout=POLL_S)
                except Empty:
                    continue
                if job_id := _job_of(message):
                    run_chunk(self._chunks, self._consumption, job_id, Lane.INTERACTIVE)
                    message.ack()


def _job_of(message: Message) -> str | None:
    """The job that a message is about; None for a message of another kind, which is dropped."""
    try:
        if message.headers.get("task", TASK) != TASK:
            raise ValueError(f"it is of the task {message.headers['task']}")
        (job_id, *_), *_ = message.payload
        return str(job_id)
    except (LookupError, ValueError, TypeError) as error:
        _drop(message, error)
        return None


def _drop(message: Message, error: Exception) -> None:
    """Acknowledge a message that nobody can read, as Celery does: it would come back for ever."""
    log.error("a message of the interactive lane is dropped: %r", error)
    message.ack()
