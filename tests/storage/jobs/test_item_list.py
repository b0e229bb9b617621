"""Items of a job by condition, name, state and order, without reading each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from redis.exceptions import ConnectionError

from roadmask.errors import (
    ConditionUnclear,
    InvalidRequest,
    ItemNotFound,
    StoreUnavailable,
    Unavailable,
)
from roadmask.schemas.jobs import ItemState
from storage.jobs import item_figures
from storage.jobs.item_list import ItemQuery
from storage.jobs.results import Results
from tests.harness.storage.records_harness import RecordsHarness

TOTAL = 40
DAMAGED = (3, 17)


@pytest.fixture
def job_id(harness: RecordsHarness) -> str:
    """A job of 40: two failed; the IoU of `flat` of item n is 7 / (7 + n)."""
    job_id = harness.accept(TOTAL)
    harness.work(job_id, DAMAGED)
    return job_id


def listed(harness: RecordsHarness, job_id: str, **query: object) -> list[int]:
    page = harness.records.item_list(job_id, ItemQuery(**query), 1000)  # type: ignore[arg-type]
    assert page.total == len(page.items)
    return [item.index for item in page.items]


def test_the_worst_come_first_and_items_without_scores_are_left_out(
    harness: RecordsHarness, job_id: str
) -> None:
    scored = [index for index in range(TOTAL) if index not in DAMAGED]
    assert listed(harness, job_id, sort="flat.iou") == scored[::-1]
    assert listed(harness, job_id, sort="-flat.iou") == scored
    assert listed(harness, job_id, sort="-name") == list(range(TOTAL))[::-1]
    assert listed(harness, job_id, sort="confidence") == [], "it was not computed"


@pytest.mark.parametrize(("kept", "reads"), [(1, 5), (2, 2)])
def test_figures_stay_in_memory_up_to_a_size(
    harness: RecordsHarness, job_id: str, monkeypatch: pytest.MonkeyPatch, kept: int, reads: int
) -> None:
    other = harness.accept(TOTAL)
    harness.work(other, DAMAGED)
    row = 4 * len(item_figures.FIGURES) + 2
    monkeypatch.setattr(item_figures, "MAX_BYTES", kept * TOTAL * row)
    calls: list[str] = []
    read = Results.read

    def counted(self: Results, job_id: str, *where: Any) -> Any:
        calls.append(job_id)
        return read(self, job_id, *where)

    monkeypatch.setattr(Results, "read", counted)
    query = ItemQuery(sort="iou")
    pages = (job_id, job_id, other, job_id, other, job_id)
    for asked in pages:
        harness.records.item_list(asked, query, 1)
    assert len(calls) == reads + len(pages), "each page reads its items besides"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"where": "flat.iou < 16%"}, [37, 38, 39]),
        ({"where": "not flat.iou >= 16% and flat > 0"}, [37, 38, 39]),
        ({"where": "flat > 50%"}, []),
        ({"where": "12% < flat < 13% and flat.iou > 60%"}, [0, 1, 2, 4]),
        ({"states": (ItemState.FAILED,)}, list(DAMAGED)),
        ({"name": "C1*7"}, [17]),
        ({"name": "c1", "states": (ItemState.FAILED,)}, [17]),
        ({"name": "1 3"}, [13, 31]),
    ],
)
def test_items_are_filtered(
    harness: RecordsHarness, job_id: str, query: dict[str, object], expected: list[int]
) -> None:
    assert listed(harness, job_id, **query) == expected


def test_a_page_begins_at_a_place_or_an_item(harness: RecordsHarness, job_id: str) -> None:
    worst = ItemQuery(sort="flat.iou")
    page = harness.records.item_list(job_id, worst, 2, offset=5)
    assert (page.offset, page.total) == (5, TOTAL - 2)
    assert [item.index for item in page.items] == [34, 33]
    assert harness.records.item_list(job_id, worst, 1, at=33).offset == 6
    with pytest.raises(ItemNotFound):
        harness.records.item_list(job_id, worst, 1, at=17)


def test_a_list_follows_a_running_and_a_retried_job(harness: RecordsHarness) -> None:
    job_id = harness.accept(TOTAL)
    assert listed(harness, job_id, sort="iou") == []
    harness.work(job_id, DAMAGED, chunks=4)
    begun = set(listed(harness, job_id, sort="iou"))
    assert 0 < len(begun) < TOTAL - 2
    harness.work(job_id, DAMAGED)
    assert set(listed(harness, job_id, sort="iou")) == set(range(TOTAL)) - set(DAMAGED)
    harness.records.retry(job_id)
    harness.work(job_id)
    assert listed(harness, job_id, sort="-flat.iou") == list(range(TOTAL))


@pytest.mark.parametrize("outage", [StoreUnavailable("away"), ConnectionError("away")])
def test_a_list_lacks_nothing_after_an_outage(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch, outage: Exception
) -> None:
    job_id = harness.accept(TOTAL)
    harness.work(job_id, chunks=4)
    begun = listed(harness, job_id, sort="iou")
    harness.work(job_id)

    def unavailable(*_: object) -> None:
        raise outage

    with monkeypatch.context() as away:
        away.setattr(Results, "read", unavailable)
        with pytest.raises(Unavailable):
            listed(harness, job_id, sort="iou")
    assert len(begun) < len(listed(harness, job_id, sort="iou")) == TOTAL


def test_what_cannot_be_listed_is_told(harness: RecordsHarness, job_id: str) -> None:
    with pytest.raises(ConditionUnclear, match="did you mean `flat`"):
        listed(harness, job_id, where="flatt > 1%")
    with pytest.raises(InvalidRequest, match="'size'"):
        listed(harness, job_id, sort="size")


def test_the_report_counts_pixels_and_images(harness: RecordsHarness, job_id: str) -> None:
    report = harness.records.score_report(job_id)
    confusion = np.array(report.confusion)
    assert confusion[1, 1] == 7 * (TOTAL - 2)
    assert confusion.sum() == confusion[1, 1] + confusion[1, 5]
    # The values fall steadily, as in a video: they tell little about other images.
    assert report.interval is None or report.interval.effective_images < 10
