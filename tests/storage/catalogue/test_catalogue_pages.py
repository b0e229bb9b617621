"""The catalogue read page by page: order, filters, cursors."""

from __future__ import annotations

from typing import Any

import pytest

from roadmask.errors import (
    ImageNotFound,
    InvalidRequest,
)
from roadmask.schemas.images import ImagePage
from storage.catalogue import catalogue as catalogue_module
from storage.catalogue.catalogue import Catalogue
from storage.objects.local import LocalStore
from tests.storage.catalogue.entries import fill, ids, upload_truth


def all_pages(catalogue: Catalogue, **filters: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = catalogue.page(cursor=cursor, **filters)
        found += ids(page.images)
        if (cursor := page.next) is None:
            return found


def test_pages_hold_every_image_once_in_order(catalogue: Catalogue) -> None:
    names = [f"{number:03d}" for number in range(50)]
    fill(catalogue, "d", names)
    expected = [f"d/{name}" for name in names]
    for limit in (1, 7, 10, 25, 49, 50, 51):
        assert all_pages(catalogue, dataset="d", limit=limit) == expected
    assert catalogue.page(dataset="d", limit=50).next is None
    assert catalogue.page(dataset="d", limit=49).next is not None


def test_a_page_may_begin_anywhere(catalogue: Catalogue, store: LocalStore) -> None:
    fill(catalogue, "a", ["1"])
    fill(catalogue, "d", [f"{n:02d}" for n in range(50)], upload_truth(store))
    fill(catalogue, "e", ["1"])
    page = catalogue.page(dataset="d", offset=45, limit=3)
    assert (ids(page.images), page.total) == (["d/45", "d/46", "d/47"], 50)
    rest = catalogue.page(dataset="d", cursor=page.next)
    assert (ids(rest.images), rest.next, rest.total) == (["d/48", "d/49"], None, 50)
    assert ids(catalogue.page(with_truth=True, offset=49).images) == ["d/49"]
    assert catalogue.page(offset=60) == ImagePage(images=[], total=52, offset=60)
    page = catalogue.page(dataset="d", at="d/31", limit=2)
    assert (ids(page.images), page.offset) == (["d/31", "d/32"], 31)
    assert catalogue.page(at="d/31", limit=1).offset == 32, "all images begin with those of a"
    for at, dataset in (("d/none", None), ("d/31", "other")):
        with pytest.raises(ImageNotFound):
            catalogue.page(at=at, dataset=dataset)
    assert catalogue.page(dataset="d", query="4").total is None
    for searched in ({"query": "4"}, {"with_truth": False}, {"cursor": page.next}):
        with pytest.raises(InvalidRequest, match="offset"):
            catalogue.page(offset=1, **searched)


def test_new_images_do_not_disturb_a_reader_of_pages(catalogue: Catalogue) -> None:
    fill(catalogue, "d", ["b", "d", "f"])
    first = catalogue.page(dataset="d", limit=2)
    fill(catalogue, "d", ["a", "e", "g"])
    rest = catalogue.page(dataset="d", cursor=first.next)
    assert ids(first.images + rest.images) == ["d/b", "d/d", "d/e", "d/f", "d/g"]


def test_prefix_and_dataset_mean_what_they_say(catalogue: Catalogue) -> None:
    for dataset in ("cam", "cam-2", "cam.3", "cam0", "camvid"):
        fill(catalogue, dataset, ["train/1", "val/1", "val/2"])
    assert all_pages(catalogue, dataset="cam") == ["cam/train/1", "cam/val/1", "cam/val/2"]
    assert all_pages(catalogue, prefix="cam/v") == ["cam/val/1", "cam/val/2"]
    assert len(all_pages(catalogue, prefix="cam")) == 15
    assert all_pages(catalogue, dataset="cam", prefix="camvid/v") == []
    assert all_pages(catalogue, dataset="camvid", prefix="camvid/v")[0] == "camvid/val/1"
    assert len(all_pages(catalogue, dataset="camvid", prefix="ca")) == 3
    assert all_pages(catalogue, dataset="none") == all_pages(catalogue, prefix="é") == []
    assert ids(list(catalogue.walk("cam/val/"))) == ["cam/val/1", "cam/val/2"]
    assert ids(list(catalogue.walk(""))) == all_pages(catalogue, limit=3)


def test_truth_is_a_filter_both_ways(catalogue: Catalogue, store: LocalStore) -> None:
    fill(catalogue, "d", ["a", "c", "e"], upload_truth(store))
    fill(catalogue, "d", ["b", "d"])
    for limit in (1, 2, 10):
        with_truth = all_pages(catalogue, dataset="d", with_truth=True, limit=limit)
        assert with_truth == ["d/a", "d/c", "d/e"]
        without = all_pages(catalogue, dataset="d", with_truth=False, limit=limit)
        assert without == ["d/b", "d/d"]


def test_words_are_found_anywhere_in_the_id(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where each page ends after few ids looked at: then pages may even be empty."""
    fill(
        catalogue,
        "d",
        [f"{'Rain' if number % 700 == 3 else 'sun'}-{number:04d}" for number in range(2000)],
    )
    expected = ["d/Rain-0003", "d/Rain-0703", "d/Rain-1403"]
    assert all_pages(catalogue, query="RAIN") == expected
    assert all_pages(catalogue, query="rain", limit=1) == expected
    assert all_pages(catalogue, query="fog") == []
    monkeypatch.setattr(catalogue_module, "SCANNED", 500)
    assert all_pages(catalogue, query="n-0003") == ["d/Rain-0003"]
    assert all_pages(catalogue, query="rain", limit=2) == expected


@pytest.mark.parametrize("cursor", ["é", "a", "!!!", "____"])
def test_strange_cursors_are_refused(catalogue: Catalogue, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        catalogue.page(cursor=cursor)


def test_a_cursor_does_not_lead_out_of_the_filter(catalogue: Catalogue) -> None:
    fill(catalogue, "a", ["1", "2"])
    fill(catalogue, "b", ["1", "2"])
    fill(catalogue, "c", ["1"])
    early = catalogue.page(dataset="a", limit=1).next
    late = catalogue.page(prefix="b/1", query="b").next or catalogue.page(dataset="b", limit=1).next
    assert ids(catalogue.page(dataset="b", cursor=early).images) == ["b/1", "b/2"]
    assert ids(catalogue.page(dataset="a", cursor=late).images) == []
