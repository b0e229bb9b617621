"""The watchdog process: it outlives a worker that hangs or dies, and knows what it had in hand.

A child process of the worker, with the in-flight table that both map. It kills the worker if a call
has hung for longer than its limit, or if no thread of the worker runs. When the worker is dead, for
whatever reason, its leases are released at once, and only the images that were in native code pay
an attempt.
"""

from __future__ import annotations

import json
import logging
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Self

from redis.exceptions import RedisError

from roadmask.errors import RecordsUnavailable
from roadmask.python_command import python_command
from roadmask.settings import LogFormat, Settings
from storage.connections import connect_redis
from storage.jobs.scripts import JobScripts, Lease
from storage.telemetry.logs import configure_logging
from storage.workers import WorkerRegistry
from worker.background.in_flight import InFlightEntry, InFlightTable
from worker.memory_file import memory_file

COMMAND = python_command("worker.background.watchdog_process")
RESTART_S = 5.0
"""How often the worker checks that its watchdog process runs."""
POLL_S = 0.5
"""How often that process looks at the worker."""
GRACE_S = 5.0
"""How much later than the worker's own thread it acts, seconds."""
MIN_SILENCE_S = 10.0
"""A worker on a busy machine may be silent for some seconds."""
RETRY_S = 0.5

# As the main module of its process it would be called `__main__` in the log.
log = logging.getLogger("worker.background.watchdog_process")


@dataclass(frozen=True)
class WatchedWorker:
    """What the watchdog process must know of its worker."""

    worker_id: str
    pid: int
    redis_url: str
    lease_s: float
    item_deadline_s: float
    log_format: LogFormat

    @classmethod
    def of(cls, worker_id: str, settings: Settings) -> Self:
        """This process."""
        return cls(
            worker_id,
            os.getpid(),
            settings.redis_url,
            settings.lease_s,
            settings.item_deadline_s,
            settings.log_format,
        )

    @property
    def silence_s(self) -> float:
        """After this time without a heartbeat the worker is killed: before its leases expire."""
        return max(self.lease_s / 2, MIN_SILENCE_S)


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
        self._killed = False

    def poll(self) -> None:
        """Kill the worker if one of its calls hangs, or if it is silent."""
        now = time.monotonic()
        self._clock += min(now - self._polled_at, 2 * POLL_S)
        self._polled_at = now
        calls = _calls(self._table)
        self._seen = {call.serial: self._seen.get(call.serial, self._clock) for call in calls}
        hanging = [
            call for call in calls if self._clock > self._seen[call.serial] + call.limit_s + GRACE_S
        ]
        if hanging:
            limit_s = hanging[0].limit_s
            self._kill(f"{hanging[0].facts['call']} has hung for more than {limit_s:g} s", hanging)
        elif self._is_silent(calls):
            self._kill("no thread of the worker runs", calls)

    def report(self) -> None:
        """After the death of the worker: release its leases, with the suspects."""
        calls = _calls(self._table)
        log.error("the worker has died, with %s", _in_hand(calls))
        suspects: defaultdict[str, list[int]] = defaultdict(list)
        for call in calls:
            suspects[call.facts["job"]].append(call.facts["item"])
        leases = [e.facts["lease"] for e in self._table.entries() if "lease" in e.facts]
        deadline = time.monotonic() + self._worker.lease_s
        with connect_redis(Settings(redis_url=self._worker.redis_url)) as redis:
            scripts = JobScripts(redis)
            while time.monotonic() < deadline:
                try:
                    for job_id, chunk, token in leases:
                        scripts.release_chunk(Lease(job_id, chunk, token), suspects[job_id])
                    WorkerRegistry(redis).remove(self._worker.worker_id)
                    return
                except (RedisError, RecordsUnavailable):
                    time.sleep(RETRY_S)
        log.error("Redis is away: the leases of the worker expire by themselves")

    def _is_silent(self, calls: Iterable[InFlightEntry]) -> bool:
        if self._table.beats != self._beats:
            self._beats, self._beaten_at = self._table.beats, self._clock
        # Loading a model has a longer limit, and may keep all other threads from running.
        loading = [c.limit_s for c in calls if c.limit_s > self._worker.item_deadline_s]
        return self._clock > self._beaten_at + max([self._worker.silence_s, *loading])

    def _kill(self, reason: str, calls: Iterable[InFlightEntry]) -> None:
        if not self._killed:
            log.critical("%s; it is killed, with %s", reason, _in_hand(calls))
        self._killed = True
        with suppress(ProcessLookupError):
            os.kill(self._worker.pid, signal.SIGKILL)


def _calls(table: InFlightTable) -> list[InFlightEntry]:
    """The calls into native code."""
    return [entry for entry in table.entries() if math.isfinite(entry.limit_s)]


def _in_hand(calls: Iterable[InFlightEntry]) -> str:
    images = [
        f"{c.facts['image']} (job {c.facts['job']}, item {c.facts['item']}; {c.facts['call']})"
        for c in calls
    ]
    return f"these images in hand: {', '.join(images)}" if images else "no image in hand"


def main() -> None:
    """Watch the worker that is the parent process, until it has ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    table = InFlightTable(int(sys.argv[1]))
    worker = WatchedWorker(**json.loads(line))
    configure_logging(worker.log_format)
    watch = Watch(worker, table)
    while not select.select([sys.stdin], [], [], POLL_S)[0]:
        watch.poll()
    if not table.closed:
        watch.report()


if __name__ == "__main__":
    main()
