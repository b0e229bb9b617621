"""Single flight: concurrent calls with one key run once."""

from __future__ import annotations

import threading

import pytest

from tests.harness.latch import Latch
from worker.background.singleflight import SingleFlight


def test_concurrent_calls_share_the_result_of_the_first() -> None:
    flight: SingleFlight[str] = SingleFlight()
    latch = Latch()
    got: list[tuple[str, bool]] = []

    def make() -> str:
        latch.hold()
        return "mask"

    first = threading.Thread(target=lambda: got.append(flight.run("key", make)))
    first.start()
    latch.wait_until_reached()
    others = [
        threading.Thread(target=lambda: got.append(flight.run("key", lambda: "made again")))
        for _ in range(3)
    ]
    for other in others:
        other.start()
    others[-1].join(0.2)
    assert not got
    latch.release()
    for thread in (first, *others):
        thread.join(5)
    assert sorted(got) == [("mask", False)] * 3 + [("mask", True)]


def test_after_an_error_the_key_is_free_again() -> None:
    flight: SingleFlight[str] = SingleFlight()

    def fail() -> str:
        raise ValueError("no such luck")

    with pytest.raises(ValueError, match="luck"):
        flight.run("key", fail)
    assert flight.run("key", lambda: "again") == ("again", True)
