"""Ends the process if native code hangs.

Python cannot interrupt a thread inside OpenCV or TensorFlow. If such a call exceeds its time limit,
the process exits at once. Its leases are released, the supervisor starts another process, and the
images that were in such calls are tried again, each alone. A thread of the process watches the
calls. If no thread can run, because a call holds the GIL or the process is suspended, the watchdog
process kills the worker (`worker.background.watchdog_process`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from worker.background.in_flight import InFlightTable
from worker.pipeline.image_task import ImageTask

EXIT_CODE = 70
"""`EX_SOFTWARE` of sysexits.h: an internal error that a restart may resolve."""
SUSPENDED_S = 5.0
"""A check that is later than this means that the whole process was suspended."""

log = logging.getLogger(__name__)


def _exit() -> None:
    logging.shutdown()
    os._exit(EXIT_CODE)


@dataclass
class Call:
    """A call into native code."""

    description: str
    tasks: Sequence[ImageTask]
    limit_s: float
    deadline: float


class Watchdog:
    """Watches calls, and calls `exit_process` if a call does not return within `limit_s` seconds.

    `check` must be called every `interval_s` seconds. With a `table`, each call is also an entry of
    that table.
    """

    def __init__(
        self,
        limit_s: float,
        exit_process: Callable[[], object] = _exit,
        table: InFlightTable | None = None,
    ) -> None:
        self.limit_s = limit_s
        self.interval_s = min(limit_s / 10, 1.0)
        self._exit_process = exit_process
        self._table = table
        self._lock = threading.Lock()
        self._running: list[Call] = []
        self._checked_at: float | None = None

    @contextmanager
    def watch(
        self, description: str, tasks: Sequence[ImageTask] = (), factor: int = 1
    ) -> Iterator[None]:
        """Limit the `with` block to `factor` times `limit_s`; the log names the tasks' images."""
        limit_s = factor * self.limit_s
        call = Call(description, tasks, limit_s, time.monotonic() + limit_s)
        with ExitStack() as entries:
            if self._table is not None:
                for task in tasks:
                    facts = {"call": description, **task.origin()}
                    entries.enter_context(self._table.entry(limit_s, facts))
            with self._lock:
                self._running.append(call)
            try:
                yield
            finally:
                with self._lock:
                    self._running.remove(call)

    def check(self) -> None:
        """Exit the process if a call has exceeded its limit."""
        if self._table is not None:
            self._table.beat()
        now = time.monotonic()
        with self._lock:
            self._forgive_suspension(now)
            overdue = [call for call in self._running if call.deadline < now]
        if overdue:
            call = overdue[0]
            self.abort(
                f"{call.description} has hung for more than {call.limit_s:g} s{_images(call)}"
            )

    def expect_returned(self, job_id: str, index: int) -> None:
        """Exit the process if a call for this item still runs, because its deadline has passed."""
        with self._lock:
            running = [
                call
                for call in self._running
                if any((task.job_id, task.index) == (job_id, index) for task in call.tasks)
            ]
        if running:
            self.abort(f"{running[0].description} does not return{_images(running[0])}")

    def abort(self, reason: str) -> None:
        """Log the reason and exit the process."""
        log.critical("%s; this process exits with code %d", reason, EXIT_CODE)
        self._exit_process()

    def _forgive_suspension(self, now: float) -> None:
        """Extend all limits by the time in which the whole process was suspended."""
        late = now - (self._checked_at or now) - self.interval_s
        if late > SUSPENDED_S:
            for call in self._running:
                call.deadline += late
        self._checked_at = now


def _images(call: Call) -> str:
    return f": {', '.join(map(str, call.tasks))}" if call.tasks else ""
