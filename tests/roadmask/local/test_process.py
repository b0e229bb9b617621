"""A managed process is restarted for as long as it dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmask import Stack
from roadmask.local import process as managed
from roadmask.local.process import ManagedProcess
from tests.harness.waiting import wait_until

DYING = ("sh", "-c", "exit 3")


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "lock").open("w") as file:
        yield file.fileno()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed, "FIRST_PAUSE_S", 0.0)


def test_a_process_that_cannot_be_started_is_tried_for_ever(tmp_path: Path, lock: int) -> None:
    log, away = tmp_path / "logs/api.log", tmp_path / "away"
    log.parent.mkdir()
    process = ManagedProcess("api", DYING, log, os.environ, lock)
    process.start()
    process.wait(10)
    assert "exited with 3" in (process.restart_if_dead() or "")
    log.parent.rename(away)
    for _ in range(1100):
        message = process.restart_if_dead() or ""
    assert "does not start" in message
    assert str(log) in message
    away.rename(log.parent)
    assert process.restart_if_dead() == "api was restarted"
    process.wait(10)


def test_processes_are_restarted_though_nobody_reads_the_messages(
    tmp_path: Path, lock: int
) -> None:
    def closed(_: str) -> None:
        raise BrokenPipeError

    stack = Stack(tmp_path, log=closed)
    process = ManagedProcess("api", DYING, tmp_path / "api.log", os.environ, lock)
    process.start()
    stack._processes.append(process)
    stack._watcher.start()
    wait_until(lambda: process.crashes > 1, 20)
    stack.stop()
