"""A lane counts as consumed as long as its loops, its chunks and its messages prove it."""

from __future__ import annotations

import pytest

from roadmask.schemas.jobs import Lane
from tests.harness.clock import Clock
from worker.work.consumption import MAX_POLL_INTERVAL_S, UNTAKEN_S, Consumption

BATCH, INTERACTIVE = Lane.BATCH, Lane.INTERACTIVE
STALL_S = 60.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def consumption(clock: Clock) -> Consumption:
    return Consumption((INTERACTIVE, BATCH), STALL_S, clock=clock)


def test_nothing_is_consumed_before_a_loop_polls(consumption: Consumption) -> None:
    assert consumption.lanes() == []
    consumption.polled(BATCH)
    assert consumption.lanes() == [BATCH]
    consumption.polled(INTERACTIVE)
    assert consumption.lanes() == [BATCH, INTERACTIVE]


def test_a_loop_that_stands_still_loses_its_lanes(consumption: Consumption, clock: Clock) -> None:
    consumption.polled(INTERACTIVE, BATCH)
    clock.now += MAX_POLL_INTERVAL_S
    consumption.polled(INTERACTIVE)
    assert consumption.lanes() == [INTERACTIVE]


def test_a_loop_that_works_on_a_chunk_itself_keeps_its_lane(
    consumption: Consumption, clock: Clock
) -> None:
    consumption.polled(INTERACTIVE)
    with consumption.chunk(INTERACTIVE):
        clock.now += MAX_POLL_INTERVAL_S
        assert consumption.lanes() == [INTERACTIVE]
    assert consumption.lanes() == []


def test_a_chunk_that_waits_for_a_download_does_not_stall_its_lane(clock: Clock) -> None:
    arrived = iter([0, 100, 200, 200])
    consumption = Consumption((BATCH,), STALL_S, lambda: next(arrived), clock)
    with consumption.chunk(BATCH):
        for _ in range(3):
            assert consumption.lanes() == [BATCH]
            clock.now += STALL_S
        clock.now += 1
        assert consumption.lanes() == [], "nothing arrives any more"


def test_a_chunk_without_progress_stalls_its_lane(consumption: Consumption, clock: Clock) -> None:
    with consumption.chunk(BATCH):
        clock.now += STALL_S
        consumption.progress(BATCH)
        clock.now += STALL_S
        consumption.polled(INTERACTIVE, BATCH)
        assert consumption.lanes() == [BATCH, INTERACTIVE]
        clock.now += 1
        assert consumption.lanes() == [INTERACTIVE]
    assert consumption.lanes() == [BATCH, INTERACTIVE]


def test_messages_that_an_idle_worker_does_not_take_lose_the_lane(
    consumption: Consumption, clock: Clock
) -> None:
    def look(messages: int) -> list[Lane]:
        clock.now += 1
        consumption.polled(INTERACTIVE, BATCH)
        consumption.see_messages(BATCH, messages)
        return consumption.lanes()

    found = [look(5) for _ in range(int(UNTAKEN_S) + 3)]
    assert found[0] == [BATCH, INTERACTIVE]
    assert found[-1] == [INTERACTIVE]
    assert look(0) == [BATCH, INTERACTIVE]
    # A busy worker may leave messages to others.
    with consumption.chunk(INTERACTIVE):
        assert all(BATCH in look(5) for _ in range(int(UNTAKEN_S) + 3))
