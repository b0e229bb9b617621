"""Jobs and items as clients read them."""

from __future__ import annotations

import pytest
from redis import Redis

from roadmask.errors import InvalidRequest, ItemNotFound, JobNotFound
from roadmask.schemas.jobs import ItemState, JobState, Lane
from storage.redis_text import texts
from tests.harness.storage.records_harness import RecordsHarness

NOBODY = "01a20517-51a0-7740-a1f6-70ed3b827a06"


@pytest.mark.parametrize("job_id", [NOBODY, "", "nope", f"{NOBODY}:items", "*", "../x", "a\r\nb"])
def test_an_unknown_job_is_not_found(harness: RecordsHarness, job_id: str) -> None:
    for ask in (
        harness.records.read,
        harness.records.cancel,
        harness.records.retry,
        harness.records.iter_items,
        lambda job_id: harness.records.items(job_id, None, 10),
        lambda job_id: harness.records.item(job_id, 0),
    ):
        with pytest.raises(JobNotFound):
            ask(job_id)


def test_a_part_of_a_job_is_no_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(1)
    with pytest.raises(JobNotFound):
        harness.records.read(f"{job_id}:items")


@pytest.mark.parametrize("index", [-1, 3, 10**12])
def test_an_unknown_item_is_not_found(harness: RecordsHarness, index: int) -> None:
    job_id = harness.accept(3)
    with pytest.raises(ItemNotFound, match="counted from 0"):
        harness.records.item(job_id, index)


def test_items_come_in_pages(harness: RecordsHarness) -> None:
    job_id = harness.accept(70)
    harness.work(job_id, chunks=3)
    seen, cursor = [], None
    while True:
        page = harness.records.items(job_id, cursor, 32)
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
    assert [item.index for item in seen] == list(range(70))
    assert seen == harness.items(job_id)
    assert [item.image_id for item in seen] == [f"scenes/{n:06d}" for n in range(70)]


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "٣", ""])
def test_a_cursor_that_is_none_is_told(harness: RecordsHarness, cursor: str) -> None:
    job_id = harness.accept(3)
    with pytest.raises(InvalidRequest, match="cursor"):
        harness.records.items(job_id, cursor, 10)


def test_items_of_a_state_are_found_wherever_they_are(harness: RecordsHarness) -> None:
    job_id = harness.accept(200)
    harness.work(job_id, damaged=[1, 90, 95], chunks=13)

    def indices(*states: ItemState) -> list[int]:
        page = harness.records.items(job_id, None, 1000, states)
        return [item.index for item in page.items]

    assert indices(ItemState.FAILED) == [1, 90, 95]
    assert indices(ItemState.QUEUED) == list(range(104, 200))
    assert indices(ItemState.CANCELED) == []
    harness.records.cancel(job_id)
    assert indices(ItemState.CANCELED) == list(range(104, 200))
    assert indices(ItemState.QUEUED) == []
    first = harness.records.items(job_id, None, 2, [ItemState.FAILED])
    assert first.next == "95"
    rest = harness.records.items(job_id, first.next, 2, [ItemState.FAILED])
    assert ([item.index for item in rest.items], rest.next) == ([95], None)


def test_jobs_come_newest_first_in_pages(harness: RecordsHarness) -> None:
    ids = [harness.accept(1) for _ in range(7)]
    pages, cursor = [], None
    while True:
        page = harness.records.page(cursor, 3)
        pages.append([job.id for job in page.jobs])
        cursor = page.next
        if cursor is None:
            break
    assert pages == [ids[:3:-1], ids[3:0:-1], ids[:1]]


def test_jobs_are_found_by_state_and_lane(harness: RecordsHarness) -> None:
    done, waiting, batch = harness.accept(1), harness.accept(1), harness.accept(1, Lane.BATCH)
    harness.work(done)
    page = harness.records.page(None, 10, [JobState.SUCCEEDED])
    assert [job.id for job in page.jobs] == [done]
    page = harness.records.page(None, 10, [JobState.QUEUED], Lane.INTERACTIVE)
    assert [job.id for job in page.jobs] == [waiting]
    assert [job.id for job in harness.records.page(None, 10, lane=Lane.BATCH).jobs] == [batch]


def age_rates(redis: Redis, buckets: int) -> None:
    """Make the items that ended look older, so that their rate is a slow one."""
    for key in texts(redis.keys("rm:rate:*")):
        prefix, _, bucket = key.rpartition(":")
        redis.rename(key, f"{prefix}:{int(bucket) - buckets}")


def test_a_job_knows_its_place_and_when_it_will_end(harness: RecordsHarness) -> None:
    first, second = harness.accept(100), harness.accept(40)
    other = harness.accept(1)
    assert [harness.job(job_id).queue_position for job_id in (first, second, other)] == [0, 1, 0]
    assert harness.job(second).eta_seconds is None
    harness.work(first, chunks=10)
    age_rates(harness.redis, buckets=3)
    job = harness.job(second)
    assert job.images_per_second is not None
    assert job.eta_seconds is not None
    # Jobs of a lane take turns: while its own 40 items are done, so are 40 of the job before it.
    rounding = 0.05 * job.images_per_second + 0.0005 * job.eta_seconds
    assert rounding < 1
    assert job.eta_seconds * job.images_per_second == pytest.approx(80, abs=rounding)
    assert harness.job(other).eta_seconds is None
    harness.work(first)
    assert harness.job(second).queue_position == 0


def test_a_hundred_thousand_items_take_less_than_64_bytes_each(harness: RecordsHarness) -> None:
    total = 100_000
    job_id = harness.accept(total)
    harness.work(job_id, chunks=10)
    held = [harness.begin(job_id) for _ in range(16)]
    for claim in held:
        for item in claim.items:
            harness.succeed(claim, item.index)
    used = sum(harness.redis.memory_usage(key) or 0 for key in harness.keys(job_id))
    assert used / total < 64
