"""Which masks share a request, and when a fetch is scheduled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from roadmask.folder.fetcher import MAX_BATCH, MaskFetchQueue
from tests.harness.waiting import PATIENCE_S


class Scheduled:
    """Counts the fetches that were scheduled."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_an_item_that_ends_alone_is_fetched_alone() -> None:
    scheduled = Scheduled()
    queue = MaskFetchQueue(scheduled)
    for index in (3, 4):
        queue.add([index])
        assert queue.take() == range(index, index + 1)
    assert scheduled.count == 2


def test_items_that_end_before_a_fetch_begins_share_it_in_rows() -> None:
    scheduled = Scheduled()
    queue = MaskFetchQueue(scheduled)
    for index in (7, 2, 1, 3):
        queue.add([index])
    assert scheduled.count == 1, "the fetch that is scheduled takes a whole row"
    assert queue.take() == range(1, 4)
    assert scheduled.count == 2, "one is left"
    assert queue.take() == range(7, 8)
    assert scheduled.count == 2


def test_a_batch_has_a_largest_size() -> None:
    queue = MaskFetchQueue(Scheduled())
    queue.add(range(MAX_BATCH + 1))
    assert queue.take() == range(MAX_BATCH)
    assert queue.take() == range(MAX_BATCH, MAX_BATCH + 1)


def test_a_fetch_waits_until_its_batch_is_full_or_complete() -> None:
    queue = MaskFetchQueue(Scheduled())
    queue.add([0])
    with ThreadPoolExecutor(1) as threads:
        full = threads.submit(queue.take)
        queue.add(range(1, MAX_BATCH))
        assert full.result(timeout=PATIENCE_S) == range(MAX_BATCH)
        queue.add([MAX_BATCH])
        last = threads.submit(queue.take)
        queue.add([MAX_BATCH + 1])
        queue.complete()
        assert last.result(timeout=PATIENCE_S) == range(MAX_BATCH, MAX_BATCH + 2)


def test_without_items_nothing_is_scheduled() -> None:
    scheduled = Scheduled()
    MaskFetchQueue(scheduled).add([])
    assert scheduled.count == 0
