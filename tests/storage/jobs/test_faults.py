"""Redis dies in the middle of the work, is out of reach, or is full."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.jobs import JobState, Lane
from roadmask.settings import Settings
from tests.harness.storage.records_harness import RecordsHarness
from tests.harness.waiting import wait_until
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.slow

WORKERS = 4
KILLS = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def own(server: RedisServer, tmp_path: Path) -> Iterator[RecordsHarness]:
    """A harness on a Redis that the test may kill."""
    settings = Settings(
        redis_url=server.url,
        data_dir=tmp_path,
        secret="signs links in tests of faults",
        lease_s=1.0,
        reconcile_s=0.05,
    )
    with RecordsHarness.open(settings) as harness:
        yield harness


class Crew:
    """Workers that go on through outages, and a reconciler, each in a thread."""

    def __init__(self, own: RecordsHarness, job_id: str) -> None:
        self._own, self._job_id = own, job_id
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        self._threads.append(threading.Thread(target=self._reconcile))

    def __enter__(self) -> Crew:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._chunk()
            except RecordsUnavailable:
                time.sleep(0.05)

    def _chunk(self) -> None:
        claim = self._own.leases.claim(self._job_id, "worker")
        if claim is None:
            time.sleep(0.02)
            return
        for index in self._own.leases.begin(claim, [item.index for item in claim.items]).begun:
            self._own.succeed(claim, index)
        self._own.leases.release(claim)

    def _reconcile(self) -> None:
        while not self._stop.is_set():
            with suppress(RecordsUnavailable):
                self._own.reconciler.run()
            time.sleep(0.05)


def test_killed_again_and_again_redis_loses_no_item_and_counts_none_twice(
    server: RedisServer, own: RecordsHarness
) -> None:
    total = 2000
    job_id = own.accept(total)

    def done(goal: int) -> bool:
        return own.job(job_id).counts.succeeded >= goal

    with Crew(own, job_id):
        for kill in range(KILLS):
            wait_until(partial(done, 100 + kill * 300))
            server.restart()
        wait_until(lambda: own.job(job_id).state is JobState.SUCCEEDED)
    own.check_invariants(job_id)
    own.check_succeeded(job_id, total)


def test_without_redis_all_say_so_and_nothing_is_half_done(
    server: RedisServer, own: RecordsHarness
) -> None:
    job_id = own.accept(40)
    claim = own.begin(job_id)
    own.queue.send(job_id, Lane.BATCH)
    server.kill()
    fresh = own.another().queue
    for act in (
        lambda: own.job(job_id),
        lambda: own.accept(1),
        lambda: own.leases.claim(job_id, "worker"),
        lambda: own.succeed(claim, 0),
        lambda: own.leases.renew([claim]),
        lambda: own.leases.release(claim),
        lambda: own.reconciler.run(),
        lambda: own.queue.send(job_id, Lane.BATCH),
        lambda: fresh.send(job_id, Lane.BATCH),
        lambda: own.queue.depth(Lane.BATCH),
    ):
        with pytest.raises(RecordsUnavailable):
            act()
    server.start()
    assert own.queue.depth(Lane.BATCH) == 1
    own.queue.send(job_id, Lane.BATCH)
    assert own.succeed(claim, 0)
    own.leases.release(claim)
    own.work(job_id)
    own.check_succeeded(job_id, 40)


def test_a_full_redis_refuses_and_goes_on_once_it_has_room(own: RecordsHarness) -> None:
    own.reconciler.run()
    job_id = own.accept(40)
    held, spare = own.begin(job_id), own.begin(job_id)
    own.leases.release(spare)
    before = own.job(job_id)
    own.redis.config_set("maxmemory", "1")
    for act in (
        lambda: own.accept(1),
        lambda: own.leases.begin(held, [0]),
        lambda: own.succeed(held, 0),
        lambda: own.records.cancel(job_id),
    ):
        with pytest.raises(RecordsUnavailable, match="cannot write"):
            act()
    assert own.job(job_id) == before
    own.redis.config_set("maxmemory", "0")
    assert own.succeed(held, 0)
    own.leases.release(held)
    own.work(job_id)
    own.check_invariants(job_id)
    own.check_succeeded(job_id, 40)
