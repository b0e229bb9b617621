"""Whatever happens in whatever order: the counts add up and each item ends at most once.

Many workers, a reconciler, clients and faults take steps in an order drawn from a seed. A model
of a few lines says which items have ended; after every step the record must agree with it.
"""

from __future__ import annotations

import random

import pytest

from roadmask.errors import JobClosed
from roadmask.schemas.jobs import FINAL_STATES
from storage.jobs.leases import Claim
from storage.redis_text import texts
from tests.harness.storage.records_harness import RecordsHarness

STEPS = 200
TOTAL = 70


class World:
    """One job, the claims that anybody was ever given, and the items known to have ended."""

    def __init__(self, harness: RecordsHarness, seed: int) -> None:
        self.harness, self.dice = harness, random.Random(seed)
        self.job_id = harness.accept(TOTAL)
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
        if claim := self.harness.leases.claim(self.job_id, "worker"):
            assert not {item.index for item in claim.items} & self.ended.keys()
            self.claims.append(claim)

    def begin(self) -> None:
        if claim := self._some_claim():
            before = self._failed()
            begun = self.harness.leases.begin(claim, [item.index for item in claim.items]).begun
            assert not set(begun) & self.ended.keys()
            self.ended |= dict.fromkeys(self._failed() - before, "failed")

    def commit(self) -> None:
        if claim := self._some_claim():
            index = self.dice.choice(claim.items).index
            if self.dice.random() < 0.2:
                outcome, accepted = "failed", self.harness.fail(claim, index)
            else:
                outcome, accepted = "succeeded", self.harness.succeed(claim, index)
            if accepted:
                assert index not in self.ended, "an item ended twice"
                self.ended[index] = outcome

    def duplicate(self) -> None:
        if self.ended and (claim := self._some_claim()):
            for item in claim.items:
                if item.index in self.ended:
                    assert not self.harness.succeed(claim, item.index)

    def release(self) -> None:
        if claim := self._some_claim():
            self.harness.leases.release(claim)

    def renew(self) -> None:
        self.harness.leases.renew(self.claims)

    def lose_all_leases(self) -> None:
        """All workers die at once: their time is over."""
        leases = f"rm:job:{self.job_id}:leases"
        for chunk in texts(self.harness.redis.zrange(leases, 0, -1)):
            self.harness.redis.zadd(leases, {chunk: 1})

    def reconcile(self) -> None:
        self.harness.reconciler.run()

    def cancel(self) -> None:
        self.harness.records.cancel(self.job_id)

    def retry(self) -> None:
        if self.harness.job(self.job_id).state in FINAL_STATES:
            try:
                self.harness.records.retry(self.job_id)
            except JobClosed:
                assert len(self.ended) == TOTAL
                return
            again = [index for index, how in self.ended.items() if how == "failed"]
            self.retried += again
            for index in again:
                del self.ended[index]

    def check(self) -> None:
        """The record agrees with the model."""
        items = self.harness.items(self.job_id)
        final = {i.index: i.state.value for i in items if i.state in ("succeeded", "failed")}
        assert final == self.ended
        counts = self.harness.job(self.job_id).counts
        assert counts.succeeded + counts.failed == len(self.ended)
        assert counts.queued + counts.running + counts.canceled == TOTAL - len(self.ended)
        assert counts.running == sum(item.state == "running" for item in items)
        assert self.harness.ended_items(self.job_id) == sorted([*self.ended, *self.retried])
        assert all(item.result for item in items if item.state == "succeeded")
        waiting = int(self.harness.redis.hget("rm:waiting", "batch") or 0)
        assert waiting == counts.queued + counts.running

    def _some_claim(self) -> Claim | None:
        return self.dice.choice(self.claims[-12:]) if self.claims else None

    def _failed(self) -> set[int]:
        page = self.harness.records.items(self.job_id, None, TOTAL)
        return {item.index for item in page.items if item.state == "failed"}


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_events_keeps_the_record_true(harness: RecordsHarness, seed: int) -> None:
    world = World(harness, seed)
    for step in range(STEPS):
        world.step()
        if step % 10 == 0:
            world.check()
    world.lose_all_leases()
    while harness.job(world.job_id).counts.succeeded < TOTAL:
        harness.reconciler.run()
        if harness.job(world.job_id).state in FINAL_STATES:
            world.retry()
        before = set(world.ended)
        harness.work(world.job_id)
        states = {item.index: item.state.value for item in harness.items(world.job_id)}
        world.ended |= {i: s for i, s in states.items() if i not in before and s != "canceled"}
        world.check()
    harness.reconciler.run()
    harness.check_succeeded(world.job_id, TOTAL)
    assert all(harness.redis.ttl(key) > 0 for key in harness.keys(world.job_id))
