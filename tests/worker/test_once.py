"""Work that several threads want at the same time."""

from __future__ import annotations

import threading

import pytest

from tests.worker.gates import Gate
from worker.once import Once


def test_those_who_come_meanwhile_share_what_the_first_one_makes() -> None:
    once: Once[str] = Once()
    gate = Gate()
    got: list[tuple[str, bool]] = []

    def make() -> str:
        gate.pass_through()
        return "mask"

    first = threading.Thread(target=lambda: got.append(once.do("key", make)))
    first.start()
    gate.wait_for_arrival()
    others = [
        threading.Thread(target=lambda: got.append(once.do("key", lambda: "made again")))
        for _ in range(3)
    ]
    for other in others:
        other.start()
    others[-1].join(0.2)
    assert not got
    gate.open()
    for thread in (first, *others):
        thread.join(5)
    assert sorted(got) == [("mask", False)] * 3 + [("mask", True)]


def test_an_error_is_shared_too_and_the_key_is_free_again() -> None:
    once: Once[str] = Once()

    def fail() -> str:
        raise ValueError("no such luck")

    with pytest.raises(ValueError, match="luck"):
        once.do("key", fail)
    assert once.do("key", lambda: "again") == ("again", True)
