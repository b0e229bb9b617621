"""Whatever happens in whatever order: the counts add up and each item ends at most once.

Many workers, a reconciler, clients and faults take steps in an order drawn from a seed. A model
of a few lines says which items have ended; after every step the record must agree with it.
"""

from __future__ import annotations

import random

import pytest

from roadmask.errors import JobClosed
from roadmask.jobs import FINAL_STATES
from storage.leases import Claim
from storage.replies import texts
from tests.records.hands import Hands

STEPS = 200
TOTAL = 70


class World:
    """One job, the claims that anybody was ever given, and the items known to have ended."""

    def __init__(self, hands: Hands, seed: int) -> None:
        self.hands, self.dice = hands, random.Random(seed)
        self.job_id = hands.accept(TOTAL)
        self.claims: list[Claim] = []
        self.ended: dict[int, str] = {}
        self.retried: list[int] = []

    def step(self) -> None:
        acts = {
            self.claim: 8,
            self.begin: 10,
            self.commit: 30,
            self.duplicate: 5,
            self.release: 5,
            self.renew: 2,
            self.lose_all_leases: 1,
            self.reconcile: 4,
            self.cancel: 0.15,
            self.retry: 2,
        }
        self.dice.choices(list(acts), list(acts.values()))[0]()

    def claim(self) -> None:
        if claim := self.hands.leases.claim(self.job_id, "worker"):
            assert not {item.index for item in claim.items} & self.ended.keys()
            self.claims.append(claim)

    def begin(self) -> None:
        if claim := self._some_claim():
            before = self._failed()
            begun = self.hands.leases.begin(claim, [item.index for item in claim.items])
            assert not set(begun) & self.ended.keys()
            self.ended |= dict.fromkeys(self._failed() - before, "failed")

    def commit(self) -> None:
        if claim := self._some_claim():
            index = self.dice.choice(claim.items).index
            if self.dice.random() < 0.2:
                outcome, accepted = "failed", self.hands.fail(claim, index)
            else:
                outcome, accepted = "succeeded", self.hands.succeed(claim, index)
            if accepted:
                assert index not in self.ended, "an item ended twice"
                self.ended[index] = outcome

    def duplicate(self) -> None:
        if self.ended and (claim := self._some_claim()):
            for item in claim.items:
                if item.index in self.ended:
                    assert not self.hands.succeed(claim, item.index)

    def release(self) -> None:
        if claim := self._some_claim():
            self.hands.leases.release(claim)

    def renew(self) -> None:
        self.hands.leases.renew(self.claims)

    def lose_all_leases(self) -> None:
        """All workers die at once: their time is over."""
        leases = f"rm:job:{self.job_id}:leases"
        for chunk in texts(self.hands.redis.zrange(leases, 0, -1)):
            self.hands.redis.zadd(leases, {chunk: 1})

    def reconcile(self) -> None:
        self.hands.recovery.run()

    def cancel(self) -> None:
        self.hands.records.cancel(self.job_id)

    def retry(self) -> None:
        if self.hands.job(self.job_id).state in FINAL_STATES:
            try:
                self.hands.records.retry(self.job_id)
            except JobClosed:
                assert len(self.ended) == TOTAL
                return
            again = [index for index, how in self.ended.items() if how == "failed"]
            self.retried += again
            for index in again:
                del self.ended[index]

    def check(self) -> None:
        """The record agrees with the model."""
        items = self.hands.items(self.job_id)
        final = {i.index: i.state.value for i in items if i.state in ("succeeded", "failed")}
        assert final == self.ended
        counts = self.hands.job(self.job_id).counts
        assert counts.succeeded + counts.failed == len(self.ended)
        assert counts.queued + counts.running + counts.canceled == TOTAL - len(self.ended)
        assert counts.running == sum(item.state == "running" for item in items)
        assert self.hands.ended(self.job_id) == sorted([*self.ended, *self.retried])
        assert all(item.result for item in items if item.state == "succeeded")
        waiting = int(self.hands.redis.hget("rm:waiting", "batch") or 0)
        assert waiting == counts.queued + counts.running

    def _some_claim(self) -> Claim | None:
        return self.dice.choice(self.claims[-12:]) if self.claims else None

    def _failed(self) -> set[int]:
        page = self.hands.records.items(self.job_id, None, TOTAL)
        return {item.index for item in page.items if item.state == "failed"}


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_events_keeps_the_record_true(hands: Hands, seed: int) -> None:
    world = World(hands, seed)
    for step in range(STEPS):
        world.step()
        if step % 10 == 0:
            world.check()
    world.lose_all_leases()
    while hands.job(world.job_id).counts.succeeded < TOTAL:
        hands.recovery.run()
        if hands.job(world.job_id).state in FINAL_STATES:
            world.retry()
        before = set(world.ended)
        hands.work(world.job_id)
        states = {item.index: item.state.value for item in hands.items(world.job_id)}
        world.ended |= {i: s for i, s in states.items() if i not in before and s != "canceled"}
        world.check()
    hands.recovery.run()
    hands.check_result(world.job_id, TOTAL)
    assert all(hands.redis.ttl(key) > 0 for key in hands.keys(world.job_id))
