"""The watchdog ends a process in which something hangs, and only then."""

from __future__ import annotations

import subprocess
import sys
import threading

from worker.watchdog import EXIT_CODE, Watchdog

HANGING = """
import logging, time
from worker.watchdog import Watchdog
logging.basicConfig()
watchdog = Watchdog(0.2)
watchdog.start()
with watchdog.watch("Inference on 3 images"):
    time.sleep(60)
"""


def test_a_call_that_hangs_ends_the_process_and_the_log_says_which() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == EXIT_CODE
    assert "Inference on 3 images has hung for more than 0.2 s" in done.stderr


def test_calls_that_end_in_time_do_no_harm() -> None:
    died = threading.Event()
    watchdog = Watchdog(1.0, died.set)
    watchdog.start()
    for _ in range(6):
        with watchdog.watch("a quick call"):
            threading.Event().wait(0.25)
    watchdog.stop()
    assert not died.is_set()
