"""The watchdog exits the process if a call hangs, and only then."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.waiting import PATIENCE_S
from worker.background.watchdog import EXIT_CODE, Watchdog

HANGING = """
import logging, time
from storage.scheduler.periodic import Periodic
from worker.background.watchdog import Watchdog
logging.basicConfig()
watchdog = Watchdog(0.2)
Periodic("watchdog", watchdog.interval_s, watchdog.check).start()
with watchdog.watch("Inference on 3 images"):
    time.sleep(60)
"""


def test_a_call_that_hangs_exits_the_process_and_is_named_in_the_log() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == EXIT_CODE
    assert "Inference on 3 images has hung for more than 0.2 s" in done.stderr


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_each_call_has_the_whole_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, exits = Clock(), list[float]()
    monkeypatch.setattr("worker.background.watchdog.time", clock)
    watchdog = Watchdog(1.0, lambda: exits.append(clock.now))
    for _ in range(3):
        with watchdog.watch("a quick call"):
            clock.now += 0.9
            watchdog.check()
    assert exits == []
    with watchdog.watch("a slow call"):
        clock.now += 1.1
        watchdog.check()
    assert exits == [clock.now]
