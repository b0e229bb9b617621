"""Slots of a lane, and exclusive use of the batch lane by a suspect."""

from __future__ import annotations

import threading

from roadmask.schemas.jobs import Lane
from tests.harness.latch import Latch
from tests.harness.waiting import wait_until
from worker.work.lane_limits import LaneLimits


def test_each_lane_has_its_own_slots() -> None:
    limits = LaneLimits(3)
    assert limits.acquire(Lane.BATCH, 2) == 2
    assert limits.acquire(Lane.BATCH, 2) == 1
    assert limits.acquire(Lane.INTERACTIVE, 8) == 3


def test_acquire_waits_for_a_free_slot() -> None:
    limits = LaneLimits(1)
    limits.acquire(Lane.BATCH, 1)
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.append(limits.acquire(Lane.BATCH, 4)))
    waiting.start()
    waiting.join(0.05)
    assert not got
    limits.release(Lane.BATCH)
    waiting.join(5)
    assert got == [1]


def test_slots_are_handed_out_in_groups_if_that_many_are_requested() -> None:
    limits = LaneLimits(4, group=2)
    limits.acquire(Lane.BATCH, 4)
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.append(limits.acquire(Lane.BATCH, 3)))
    waiting.start()
    limits.release(Lane.BATCH)
    waiting.join(0.05)
    assert not got
    assert limits.acquire(Lane.BATCH, 1) == 1
    limits.release(Lane.BATCH, 2)
    waiting.join(5)
    assert got == [2]


def test_a_suspect_waits_for_running_batch_items_and_blocks_new_ones() -> None:
    limits = LaneLimits(4)
    latch = Latch()
    limits.acquire(Lane.BATCH, 2)

    def run_alone() -> None:
        with limits.exclusive():
            latch.hold()

    suspect = threading.Thread(target=run_alone)
    suspect.start()
    limits.release(Lane.BATCH)
    suspect.join(0.05)
    assert not latch.is_reached()
    limits.release(Lane.BATCH)
    latch.wait_until_reached()

    got: list[int] = []
    newcomer = threading.Thread(target=lambda: got.append(limits.acquire(Lane.BATCH, 1)))
    newcomer.start()
    newcomer.join(0.05)
    assert not got
    latch.release()
    wait_until(lambda: got == [1])
    suspect.join(5)


def test_interactive_items_do_not_wait_for_suspects() -> None:
    limits = LaneLimits(4)
    latch = Latch()
    limits.acquire(Lane.BATCH, 1)
    limits.acquire(Lane.INTERACTIVE, 1)

    def run_alone() -> None:
        with limits.exclusive():
            latch.hold()

    suspect = threading.Thread(target=run_alone)
    suspect.start()
    suspect.join(0.05)
    assert limits.acquire(Lane.INTERACTIVE, 1) == 1, "while the suspect waits"
    limits.release(Lane.BATCH)
    latch.wait_until_reached()
    assert limits.acquire(Lane.INTERACTIVE, 2) == 2, "while it runs"
    latch.release()
    suspect.join(5)


def test_exclusive_uses_follow_one_another() -> None:
    limits = LaneLimits(4)
    inside = most = 0
    lock = threading.Lock()

    def run_alone() -> None:
        nonlocal inside, most
        with limits.exclusive():
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.01)
            with lock:
                inside -= 1

    suspects = [threading.Thread(target=run_alone) for _ in range(4)]
    for suspect in suspects:
        suspect.start()
    for suspect in suspects:
        suspect.join(5)
    assert most == 1
    assert limits.acquire(Lane.BATCH, 4) == 4
