"""A duty that comes round, whatever it meets."""

from __future__ import annotations

import threading

import pytest

from tests.waiting import wait_until
from worker.ticker import Ticker


def test_it_goes_on_after_errors_and_tells_an_outage_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[int] = []

    def fail_at_first() -> None:
        calls.append(len(calls))
        if len(calls) < 4:
            raise ConnectionError("nobody is there")

    ticker = Ticker("duty", 0.01, fail_at_first, jitter=0.5)
    ticker.start()
    wait_until(lambda: len(calls) > 6)
    ticker.stop()
    assert caplog.text.count("nobody is there") == 1
    assert not any(thread.name == "duty" for thread in threading.enumerate())
