"""The express: threads that serve the interactive lane and nothing else.

Celery's pool takes messages of both lanes, and a saturating batch holds all of its threads for as
long as their chunks last. These take none but interactive ones, from the same queue and by the same
connection settings, so that a person's image is claimed at once.
"""

from __future__ import annotations

import logging
import threading
from queue import Empty

from celery import Celery

from roadmask.jobs import Lane
from worker.chunks import Chunks
from worker.tasks import work_on
from worker.ticker import Ticker

THREADS = 2
"""While one image is in the model, the next one is fetched."""
LOOK_S = 1.0
"""How often a thread that waits for messages asks whether it shall stop, seconds."""

log = logging.getLogger(__name__)


class Express:
    """Works on interactive messages until stopped; a lost connection is made again."""

    def __init__(self, app: Celery, chunks: Chunks) -> None:
        self._app = app
        self._chunks = chunks
        self._stopping = threading.Event()
        self._threads = [
            Ticker(f"express-{number}", LOOK_S, self._serve) for number in range(THREADS)
        ]

    def start(self) -> None:
        """Begin to take messages."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more, and wait for what is in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.stop()

    def _serve(self) -> None:
        with (
            self._app.connection_for_read() as connection,
            connection.SimpleQueue(Lane.INTERACTIVE.value) as messages,
        ):
            while not self._stopping.is_set():
                try:
                    message = messages.get(timeout=LOOK_S)
                except Empty:
                    continue
                (job_id, *_), *_ = message.payload
                work_on(self._chunks, job_id, Lane.INTERACTIVE)
                message.ack()
