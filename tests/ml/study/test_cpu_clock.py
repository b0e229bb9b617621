"""The processor time of a run is that of all its processes."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ml.study.cpu_clock import CpuClock


def burn(parent: Connection) -> None:
    """Compute for a second, tell it, and wait for the end."""
    while time.process_time() < 1.0:
        pass
    parent.send(time.process_time())
    parent.recv()


def test_children_count_while_they_run_and_once_when_they_have_ended(tmp_path: Path) -> None:
    clock = CpuClock(tmp_path / "processor_seconds")
    begun = time.process_time()
    parent, child = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=burn, args=(child,))
    process.start()
    burnt = parent.recv()
    clock.update()
    own = time.process_time() - begun
    assert clock.seconds == pytest.approx(burnt + own, abs=0.25)
    parent.send("end")
    process.join()
    clock.update()
    own = time.process_time() - begun
    assert clock.seconds == pytest.approx(burnt + own, abs=0.5)
