"""A part of the faults on a small job; `make faults` runs all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.connections import open_store
from storage.jobs.keys import events_key
from tests.faults.faults import FAULTS, Fault
from tests.faults.invariants import check
from tests.faults.run import run_fault
from tests.faults.service import FaultyService
from tests.faults.workload import AcceptedJob, Sample, Workload

pytestmark = pytest.mark.slow

IMAGES = 40
SMALL = [
    "messages lost",
    "Redis connections cut 10 times",
    "Redis emptied",
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyService]:
    with FaultyService(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in SMALL], ids=lambda f: f.name)
def test_after_a_fault_every_item_has_ended_once(service: FaultyService, fault: Fault) -> None:
    report = run_fault(service, fault, IMAGES).report
    assert report.violations == []
    assert (report.lost, report.counted_twice, report.failed_unjustly) == (0, 0, 0)


@pytest.fixture
def ended(service: FaultyService) -> Workload:
    """A job of four images that has ended well."""
    service.heal()
    workload = Workload(service)
    workload.submit([Sample.make() for _ in range(4)])
    assert workload.watch_until_ended(60).complete
    return workload


def test_the_checker_finds_a_lost_item(ended: Workload) -> None:
    job = ended.jobs[0]
    ended.jobs[0] = AcceptedJob(job.id, [*job.images, Sample.make()])
    report = check(ended)
    assert report.lost == 1
    assert any("has 4 items of 5" in one for one in report.violations)


def test_the_checker_finds_an_item_that_ended_twice(ended: Workload) -> None:
    key = events_key(ended.jobs[0].id)
    with ended.service.redis() as redis:
        events = [event for _, event in redis.xrange(key)]
        redis.delete(key)
        item = next(event for event in events if event[b"type"] == b"item")
        for event in (*events[:-1], item, events[-1]):
            redis.xadd(key, event)
        redis.expire(key, 600)
    report = check(ended)
    assert report.counted_twice == 1
    assert any("several events" in one for one in report.violations)


def test_the_checker_finds_a_missing_event(ended: Workload) -> None:
    key = events_key(ended.jobs[0].id)
    with ended.service.redis() as redis:
        items = [place for place, event in redis.xrange(key) if event[b"type"] == b"item"]
        redis.xdel(key, items[0])
    assert any("has no event for items" in one for one in check(ended).violations)


def test_the_checker_finds_a_wrong_mask(ended: Workload) -> None:
    with ended.service.client() as client:
        first = next(client.results(ended.jobs[0].id))
    assert first.result is not None
    assert first.result.mask_key is not None
    store = open_store(ended.service.settings())
    store.put(first.result.mask_key, ended.jobs[0].images[1].mask, "image/png")
    found = check(ended).violations
    assert any("has another mask" in one or "is not served" in one for one in found)


def test_the_checker_finds_a_job_that_no_client_was_told_of(ended: Workload) -> None:
    ended.service.accepted_ids.remove(ended.jobs[0].id)
    try:
        assert any("never acknowledged" in one for one in check(ended).violations)
    finally:
        ended.service.accepted_ids.add(ended.jobs[0].id)
