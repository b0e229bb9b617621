"""The watchdog process: it outlives a worker that hangs or dies, and knows what it had in hand.

A child process of the worker, with the in-flight table that both map. It kills the worker if a call
has hung for longer than its limit, or if no thread of the worker runs. When the worker is dead, for
whatever reason, its leases are released at once, and only the images that were in native code pay
an attempt.

It lives beside each worker, so it imports nothing but the standard library before it has something
to say.
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
from worker.background.in_flight import InFlightEntry, InFlightTable, calls, in_hand
from worker.background.watched_worker import WatchedWorker
from worker.memory_file import memory_file

COMMAND = python_command("worker.background.watchdog_process")
RESTART_S = 5.0
"""How often the worker checks that its watchdog process runs."""
POLL_S = 0.5
"""How often that process looks at the worker."""
GRACE_S = 5.0
"""How much later than the worker's own thread it acts, seconds."""

# As the main module of its process it would be called `__main__` in the log.
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
            # It must outlive what kills the group of the worker.
            start_new_session=True,
        )
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(self._worker)).encode() + b"\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End the process: the worker stops in an orderly way."""
        self.table.close()
        self._close()
        self._file.close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin:
            # The process takes the end of its stdin for the death of the worker.
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
        """Seconds in which this process ran: a machine that sleeps makes no worker late."""
        self._polled_at = time.monotonic()
        self._seen: dict[int, float] = {}
        """When each entry was first seen, by its serial number."""
        self._beats = 0
        self._beaten_at = 0.0

    def poll(self) -> str:
        """Why the worker must be killed: one of its calls hangs, or it is silent; else empty."""
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
            return f"{reason}; it is killed, with {in_hand(hanging)}"
        if self._is_silent(running):
            return f"no thread of the worker runs; it is killed, with {in_hand(running)}"
        return ""

    def kill(self) -> None:
        """Kill the worker."""
        with suppress(ProcessLookupError):
            os.kill(self._worker.pid, signal.SIGKILL)

    def _is_silent(self, running: Iterable[InFlightEntry]) -> bool:
        if self._table.beats != self._beats:
            self._beats, self._beaten_at = self._table.beats, self._clock
        # Loading a model has a longer limit, and may keep all other threads from running.
        loading = [c.limit_s for c in running if c.limit_s > self._worker.item_deadline_s]
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
            # The log first: where the worker is all of a container, this process ends with it.
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
