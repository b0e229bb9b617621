"""Presence: what a worker tells about itself for as long as it lives."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from roadmask.errors import RecordsUnavailable
from storage.roll import Roll
from worker.ticker import Ticker

BEAT_S = 5.0
WINDOW = 12
"""Beats over which the throughput is measured: one minute."""


class Presence:
    """Stays on the roll of workers: what this one is, what it did and how fast it is.

    `ended` tells how many items this process brought to an end; `facts` are shown as they are at
    each beat.
    """

    def __init__(
        self,
        roll: Roll,
        worker_id: str,
        facts: Callable[[], Mapping[str, object]],
        ended: Callable[[], int],
    ) -> None:
        self._roll = roll
        self._worker_id = worker_id
        self._ended = ended
        self._facts = facts
        self._process = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started_at": datetime.now(UTC).isoformat(),
        }
        self._history: deque[tuple[float, int]] = deque(maxlen=WINDOW)
        self._ticker = Ticker("presence", BEAT_S, self._beat)

    def start(self) -> None:
        """Appear."""
        self._ticker.start()

    def stop(self) -> None:
        """Vanish."""
        self._ticker.stop()
        with suppress(RecordsUnavailable):
            self._roll.leave(self._worker_id)

    def _beat(self) -> None:
        now, ended = time.monotonic(), self._ended()
        since, before = self._history[0] if self._history else (now, ended)
        self._history.append((now, ended))
        rate = (ended - before) / (now - since) if now > since else 0.0
        pace = {"items_done": ended, "images_per_second": round(rate, 2)}
        self._roll.tell(self._worker_id, {**self._process, **self._facts(), **pace})
