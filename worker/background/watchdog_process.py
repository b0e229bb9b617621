"""The watchdog process: it outlives a worker that hangs or dies, and knows its images in flight.

It is a child process of the worker, and both map the in-flight table. It kills the worker if a call
exceeds its limit, or if no thread of the worker runs. When the worker is dead, for whatever reason,
the watchdog process releases its leases at once. An attempt counts only for the images that were in
native code.

Each worker has one. To save memory, it imports only the standard library until it must log.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict

from roadmask.python_command import python_command
from worker.background.in_flight import InFlightEntry, InFlightTable, calls, images_of
from worker.background.watched_worker import WatchedWorker
from worker.memory_file import memory_file

COMMAND = python_command("worker.background.watchdog_process")
RESTART_S = 5.0
"""How often the worker checks that its watchdog process runs."""
POLL_S = 0.5
"""How often the watchdog process checks the worker."""
GRACE_S = 5.0
"""Seconds that it waits beyond the limit of a call, so that the worker's own watchdog is first."""

# `__name__` would be `__main__`, because this is the main module of its process.
log = logging.getLogger("worker.background.watchdog_process")


class WatchdogProcess:
    """Starts the watchdog process, and starts it again if it dies."""

    def __init__(self, worker: WatchedWorker) -> None:
        self._worker = worker
        self._file = memory_file()
        self.table = InFlightTable(self._file.fileno())
        self._process: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        """Start the process unless it runs."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            log.warning("the watchdog process has died and is started again")
            self._close()
        self._process = subprocess.Popen(
            [*COMMAND, str(self._file.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[self._file.fileno()],
            # It must outlive a signal that kills the worker's process group.
            start_new_session=True,
        )
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(self._worker)).encode() + b"\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End the process, because the worker stops in an orderly way."""
        self.table.close()
        self._close()
        self._file.close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin:
            # The process reads until the end of its stdin, which means that the worker has ended.
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()
        self._process = None


class Watch:
    """One watchdog process at work."""

    def __init__(self, worker: WatchedWorker, table: InFlightTable) -> None:
        self._worker = worker
        self._table = table
        self._clock = 0.0
        """Seconds in which this process ran. The sleep of the machine does not count."""
        self._polled_at = time.monotonic()
        self._seen: dict[int, float] = {}
        """When each call was first seen, by its serial number."""
        self._beats = 0
        self._beaten_at = 0.0

    def poll(self) -> str:
        """Return why the worker must be killed, or an empty text if it is healthy."""
        now = time.monotonic()
        self._clock += min(now - self._polled_at, 2 * POLL_S)
        self._polled_at = now
        running = calls(self._table)
        self._seen = {call.serial: self._seen.get(call.serial, self._clock) for call in running}
        hanging = [
            call
            for call in running
            if self._clock > self._seen[call.serial] + call.limit_s + GRACE_S
        ]
        if hanging:
            limit_s = hanging[0].limit_s
            reason = f"{hanging[0].facts['call']} has hung for more than {limit_s:g} s"
            return f"{reason}; the worker is killed, with {images_of(hanging)}"
        if self._is_silent(running):
            return f"no thread of the worker runs; it is killed, with {images_of(running)}"
        return ""

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._worker.pid, signal.SIGKILL)

    def _is_silent(self, running: Iterable[InFlightEntry]) -> bool:
        if self._table.beats != self._beats:
            self._beats, self._beaten_at = self._table.beats, self._clock
        # Loading a model has a longer limit, and may hold the GIL all that time.
        loading = [call.limit_s for call in running if call.limit_s > self._worker.item_deadline_s]
        return self._clock > self._beaten_at + max([self._worker.silence_s, *loading])


def main() -> None:
    """Watch the worker that is the parent process, until it has ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    table = InFlightTable(int(sys.argv[1]))
    worker = WatchedWorker(**json.loads(line))
    watch = Watch(worker, table)
    while not select.select([sys.stdin], [], [], POLL_S)[0]:
        if reason := watch.poll():
            # Log first: if the worker is the main process of a container, this one dies with it.
            try:
                _set_up_log(worker)
                log.critical(reason)
            finally:
                watch.kill()
            sys.stdin.buffer.read()
            break
    if not table.closed:
        from worker.background.death_report import report_death

        _set_up_log(worker)
        report_death(worker, table)


def _set_up_log(worker: WatchedWorker) -> None:
    from storage.telemetry.logs import configure_logging

    configure_logging(worker.log_format)


if __name__ == "__main__":
    main()
