"""How much is in hand, and being alone."""

from __future__ import annotations

import threading

from roadmask.jobs import Lane
from tests.waiting import wait_until
from tests.worker.gates import Gate
from worker.slots import Slots


def test_a_lane_has_so_many_places_and_the_other_lane_its_own() -> None:
    slots = Slots(3)
    assert slots.take(Lane.BATCH, 2) == 2
    assert slots.take(Lane.BATCH, 2) == 1
    assert slots.take(Lane.INTERACTIVE, 8) == 3


def test_whoever_finds_no_place_waits_for_one() -> None:
    slots = Slots(1)
    slots.take(Lane.BATCH, 1)
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.append(slots.take(Lane.BATCH, 4)))
    waiting.start()
    waiting.join(0.05)
    assert not got
    slots.free(Lane.BATCH)
    waiting.join(5)
    assert got == [1]


def test_places_are_given_together_where_so_many_are_wanted() -> None:
    slots = Slots(4, together=2)
    slots.take(Lane.BATCH, 4)
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.append(slots.take(Lane.BATCH, 3)))
    waiting.start()
    slots.free(Lane.BATCH)
    waiting.join(0.05)
    assert not got
    assert slots.take(Lane.BATCH, 1) == 1
    slots.free(Lane.BATCH, 2)
    waiting.join(5)
    assert got == [2]


def test_alone_waits_for_those_in_hand_and_holds_newcomers_back() -> None:
    slots = Slots(4)
    gate = Gate()
    slots.take(Lane.BATCH, 2)

    def be_alone() -> None:
        with slots.alone():
            gate.pass_through()

    suspect = threading.Thread(target=be_alone)
    suspect.start()
    slots.free(Lane.BATCH)
    suspect.join(0.05)
    assert not gate.arrived()
    slots.free(Lane.BATCH)
    gate.wait_for_arrival()

    got: list[int] = []
    newcomer = threading.Thread(target=lambda: got.append(slots.take(Lane.INTERACTIVE, 1)))
    newcomer.start()
    newcomer.join(0.05)
    assert not got
    gate.open()
    wait_until(lambda: got == [1])
    suspect.join(5)


def test_two_suspects_are_alone_one_after_the_other() -> None:
    slots = Slots(4)
    inside = most = 0
    lock = threading.Lock()

    def be_alone() -> None:
        nonlocal inside, most
        with slots.alone():
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.01)
            with lock:
                inside -= 1

    suspects = [threading.Thread(target=be_alone) for _ in range(4)]
    for suspect in suspects:
        suspect.start()
    for suspect in suspects:
        suspect.join(5)
    assert most == 1
    assert slots.take(Lane.BATCH, 4) == 4
