"""Pauses between tries."""

from __future__ import annotations

from roadmask.client.retries import FIRST_PAUSE_S, LONGEST_PAUSE_S, Backoff


def test_pauses_grow_to_the_longest_one_and_stay_there() -> None:
    backoff = Backoff(seconds=1e6)
    pauses = [backoff.next_pause() or 0 for _ in range(1100)]
    assert FIRST_PAUSE_S / 2 <= pauses[0] <= FIRST_PAUSE_S
    assert all(LONGEST_PAUSE_S / 2 <= pause <= LONGEST_PAUSE_S for pause in pauses[6:])
