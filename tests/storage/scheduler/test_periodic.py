"""Periodic calls go on after errors."""

from __future__ import annotations

import threading

import pytest

from storage.scheduler.periodic import Periodic
from tests.harness.waiting import wait_until


def test_calls_go_on_after_errors_and_an_outage_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[int] = []

    def fail_at_first() -> None:
        calls.append(len(calls))
        if len(calls) < 4:
            raise ConnectionError("connection refused")

    periodic = Periodic("duty", 0.01, fail_at_first, jitter=0.5)
    periodic.start()
    wait_until(lambda: len(calls) > 6)
    periodic.stop()
    assert caplog.text.count("connection refused") == 1
    assert not any(thread.name == "duty" for thread in threading.enumerate())
