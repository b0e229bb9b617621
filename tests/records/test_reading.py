"""Jobs and items as clients read them."""

from __future__ import annotations

import pytest

from roadmask.errors import InvalidRequest, ItemNotFound, JobNotFound
from roadmask.jobs import ItemState, JobState, Lane
from tests.records.hands import Hands

NOBODY = "01a20517-51a0-7740-a1f6-70ed3b827a06"


@pytest.mark.parametrize("job_id", [NOBODY, "", "nope", f"{NOBODY}:items", "*", "../x", "a\r\nb"])
def test_an_unknown_job_is_not_found(hands: Hands, job_id: str) -> None:
    for ask in (
        hands.records.read,
        hands.records.cancel,
        hands.records.retry,
        hands.records.results,
        lambda job_id: hands.records.items(job_id, None, 10),
        lambda job_id: hands.records.item(job_id, 0),
    ):
        with pytest.raises(JobNotFound):
            ask(job_id)


def test_a_part_of_a_job_is_no_job(hands: Hands) -> None:
    job_id = hands.accept(1)
    with pytest.raises(JobNotFound):
        hands.records.read(f"{job_id}:items")


@pytest.mark.parametrize("index", [-1, 3, 10**12])
def test_an_unknown_item_is_not_found(hands: Hands, index: int) -> None:
    job_id = hands.accept(3)
    with pytest.raises(ItemNotFound, match="counted from 0"):
        hands.records.item(job_id, index)


def test_items_come_in_pages(hands: Hands) -> None:
    job_id = hands.accept(70)
    hands.work(job_id, chunks=3)
    seen, cursor = [], None
    while True:
        page = hands.records.items(job_id, cursor, 32)
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
    assert [item.index for item in seen] == list(range(70))
    assert seen == hands.items(job_id)
    assert [item.image_id for item in seen] == [f"scenes/{n:06d}" for n in range(70)]


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "٣", ""])
def test_a_cursor_that_is_none_is_told(hands: Hands, cursor: str) -> None:
    job_id = hands.accept(3)
    with pytest.raises(InvalidRequest, match="cursor"):
        hands.records.items(job_id, cursor, 10)


def test_items_of_a_state_are_found_wherever_they_are(hands: Hands) -> None:
    job_id = hands.accept(200)
    hands.work(job_id, damaged=[1, 90, 95], chunks=13)

    def indices(*states: ItemState) -> list[int]:
        page = hands.records.items(job_id, None, 1000, states)
        return [item.index for item in page.items]

    assert indices(ItemState.FAILED) == [1, 90, 95]
    assert indices(ItemState.QUEUED) == list(range(104, 200))
    assert indices(ItemState.CANCELED) == []
    hands.records.cancel(job_id)
    assert indices(ItemState.CANCELED) == list(range(104, 200))
    assert indices(ItemState.QUEUED) == []
    first = hands.records.items(job_id, None, 2, [ItemState.FAILED])
    assert first.next == "95"
    rest = hands.records.items(job_id, first.next, 2, [ItemState.FAILED])
    assert ([item.index for item in rest.items], rest.next) == ([95], None)


def test_jobs_come_newest_first_in_pages(hands: Hands) -> None:
    ids = [hands.accept(1) for _ in range(7)]
    pages, cursor = [], None
    while True:
        page = hands.records.page(cursor, 3)
        pages.append([job.id for job in page.jobs])
        cursor = page.next
        if cursor is None:
            break
    assert pages == [ids[:3:-1], ids[3:0:-1], ids[:1]]


def test_jobs_are_found_by_state_and_lane(hands: Hands) -> None:
    done, waiting, batch = hands.accept(1), hands.accept(1), hands.accept(1, Lane.BATCH)
    hands.work(done)
    page = hands.records.page(None, 10, [JobState.SUCCEEDED])
    assert [job.id for job in page.jobs] == [done]
    page = hands.records.page(None, 10, [JobState.QUEUED], Lane.INTERACTIVE)
    assert [job.id for job in page.jobs] == [waiting]
    assert [job.id for job in hands.records.page(None, 10, lane=Lane.BATCH).jobs] == [batch]


def test_a_job_knows_its_place_and_when_it_will_end(hands: Hands) -> None:
    first, second = hands.accept(100), hands.accept(40)
    other = hands.accept(1)
    assert [hands.job(job_id).queue_position for job_id in (first, second, other)] == [0, 1, 0]
    assert hands.job(second).eta_seconds is None
    hands.work(first, chunks=10)
    job = hands.job(second)
    assert job.images_per_second is not None
    assert job.eta_seconds is not None
    # Both lanes take turns: while its own 40 items are done, so are 40 of the job before it.
    assert job.eta_seconds * job.images_per_second == pytest.approx(80, rel=0.02)
    assert hands.job(other).eta_seconds is None
    hands.work(first)
    assert hands.job(second).queue_position == 0


def test_a_hundred_thousand_items_take_less_than_64_bytes_each(hands: Hands) -> None:
    total = 100_000
    job_id = hands.accept(total)
    hands.work(job_id, chunks=10)
    held = [hands.begin(job_id) for _ in range(16)]
    for claim in held:
        for item in claim.items:
            hands.succeed(claim, item.index)
    used = sum(hands.redis.memory_usage(key) or 0 for key in hands.keys(job_id))
    assert used / total < 64
