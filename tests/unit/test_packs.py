"""Which masks are fetched together, and who is sent for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from roadmask.packs import PACK, Ended


class Calls:
    """Counts those who were sent."""

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self) -> None:
        self.sent += 1


def test_one_that_ends_alone_is_taken_alone() -> None:
    calls = Calls()
    ended = Ended(calls)
    for index in (3, 4):
        ended.add([index])
        assert ended.take() == range(index, index + 1)
    assert calls.sent == 2


def test_what_ends_before_anybody_comes_goes_together_in_rows() -> None:
    calls = Calls()
    ended = Ended(calls)
    for index in (7, 2, 1, 3):
        ended.add([index])
    assert calls.sent == 1, "whoever is on the way takes all of a row"
    assert ended.take() == range(1, 4)
    assert calls.sent == 2, "one is left"
    assert ended.take() == range(7, 8)
    assert calls.sent == 2


def test_a_pack_has_a_largest_size() -> None:
    calls = Calls()
    ended = Ended(calls)
    ended.add(range(PACK + 1))
    assert ended.take() == range(PACK)
    assert ended.take() == range(PACK, PACK + 1)


def test_a_taker_waits_for_more_until_a_pack_is_full_or_no_more_come() -> None:
    ended = Ended(Calls())
    ended.add([0])
    with ThreadPoolExecutor(1) as threads:
        full = threads.submit(ended.take)
        ended.add(range(1, PACK))
        assert full.result(timeout=5) == range(PACK)
        ended.add([PACK])
        last = threads.submit(ended.take)
        ended.add([PACK + 1])
        ended.finish()
        assert last.result(timeout=5) == range(PACK, PACK + 2)


def test_nothing_sends_nobody() -> None:
    calls = Calls()
    Ended(calls).add([])
    assert calls.sent == 0
