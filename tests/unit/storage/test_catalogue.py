"""The catalogue: found by id, prefix, dataset and word; brought back from the store."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from redis import Redis

from roadmask.errors import (
    ImageNotFound,
    InvalidId,
    InvalidRequest,
    RecordsUnavailable,
    TruthNotFound,
)
from roadmask.images import CatalogueEntry, Image, ImagePage
from roadmask.masks import encode_mask
from roadmask.pixels import ImageFacts
from roadmask.settings import Settings
from storage import catalogue as catalogue_module
from storage.catalogue import Catalogue
from storage.connections import connect_redis
from storage.local_store import LocalStore
from storage.objects import catalogue_key, truth_key
from tests.servers.process import free_port

FACTS = ImageFacts("png", 40, 30, 3, 8, 1, is_animated=False)


@pytest.fixture
def catalogue(redis: Redis, store: LocalStore) -> Catalogue:
    return Catalogue(redis, store)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def upload(catalogue: Catalogue, text: str) -> str:
    return catalogue.add_upload(sha(text), FACTS, 1000).sha256


def upload_truth(store: LocalStore, width: int = 40, height: int = 30) -> str:
    data = encode_mask(np.ones((height, width), np.uint8))
    digest = hashlib.sha256(data).hexdigest()
    store.put(truth_key(digest), data, "image/png")
    return digest


def fill(catalogue: Catalogue, dataset: str, names: list[str], truth: str | None = None) -> None:
    """Name one and the same upload in many ways."""
    digest = upload(catalogue, "one")
    entries = [CatalogueEntry(name=name, sha256=digest, truth_sha256=truth) for name in names]
    catalogue.register(dataset, entries)


def ids(images: list[Image]) -> list[str]:
    return [image.id for image in images]


def all_pages(catalogue: Catalogue, **filters: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = catalogue.page(cursor=cursor, **filters)
        found += ids(page.images)
        if (cursor := page.next) is None:
            return found


def test_an_upload_has_its_entry_at_once_and_once(catalogue: Catalogue) -> None:
    image = catalogue.add_upload(sha("a"), FACTS, 1234)
    assert image.id == f"sha256-{sha('a')}"
    assert (image.width, image.height, image.bytes, image.format) == (40, 30, 1234, "png")
    assert (image.dataset, image.truth_sha256) == (None, None)
    assert catalogue.get(image.id) == image
    assert catalogue.add_upload(sha("a"), FACTS, 1234) == image


def test_an_unknown_id_is_told(catalogue: Catalogue) -> None:
    with pytest.raises(ImageNotFound, match="scenes/1"):
        catalogue.get("scenes/1")
    for odd in ("../x", "a//b", "", "a\n", "é"):
        with pytest.raises(InvalidId):
            catalogue.get(odd)


def test_many_come_in_the_order_asked(catalogue: Catalogue) -> None:
    fill(catalogue, "d", [f"{number:04d}" for number in range(1200)])
    wanted = ["d/0007", "d/none", *(f"d/{number:04d}" for number in range(1199, -1, -1))]
    found = catalogue.get_many(wanted)
    assert found[1] is None
    assert [image.id for image in found if image] == [wanted[0], *wanted[2:]]
    assert catalogue.get_many([]) == []


def test_a_named_image_has_the_facts_of_its_upload(catalogue: Catalogue, store: LocalStore) -> None:
    digest, truth = upload(catalogue, "a"), upload_truth(store)
    entry = CatalogueEntry(name="val/0001", sha256=digest, truth_sha256=truth)
    [image] = catalogue.register("camvid", [entry])
    assert (image.id, image.dataset, image.truth_sha256) == ("camvid/val/0001", "camvid", truth)
    assert (image.width, image.height, image.bytes) == (40, 30, 1000)
    assert catalogue.get("camvid/val/0001") == image


def test_names_without_bytes_are_refused_all_together(catalogue: Catalogue) -> None:
    digests = [upload(catalogue, "a"), sha("b"), sha("c")]
    entries = [CatalogueEntry(name=digest[:9], sha256=digest) for digest in digests]
    with pytest.raises(ImageNotFound, match="2 of these images") as caught:
        catalogue.register("d", entries)
    assert caught.value.extra["missing"] == sorted(digests[1:])
    assert catalogue.page(dataset="d").images == []


def test_truths_without_bytes_are_refused(catalogue: Catalogue) -> None:
    entry = CatalogueEntry(name="a", sha256=upload(catalogue, "a"), truth_sha256=sha("t"))
    with pytest.raises(TruthNotFound) as caught:
        catalogue.register("d", [entry])
    assert caught.value.extra["missing"] == [sha("t")]


def test_a_truth_of_another_size_is_refused(catalogue: Catalogue, store: LocalStore) -> None:
    entry = CatalogueEntry(
        name="turned", sha256=upload(catalogue, "a"), truth_sha256=upload_truth(store, 30, 40)
    )
    with pytest.raises(InvalidRequest, match="d/turned has 30x40 pixels, but the image has 40x30"):
        catalogue.register("d", [entry])


def test_a_name_may_not_come_twice(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidRequest, match="d/a comes twice"):
        fill(catalogue, "d", ["a", "b", "a"])


@pytest.mark.parametrize("dataset", ["a/b", "sha256-x", "..", "", ".a", "é", "a b"])
def test_datasets_have_plain_names(catalogue: Catalogue, dataset: str) -> None:
    with pytest.raises(InvalidId, match="cannot name a dataset"):
        fill(catalogue, dataset, ["a"])


def test_registering_again_changes_only_what_is_new(
    catalogue: Catalogue, store: LocalStore
) -> None:
    truth = upload_truth(store)
    fill(catalogue, "d", ["a", "b"], truth)
    before = catalogue.get("d/a")
    written = store.info(catalogue_key("d/a")).modified
    fill(catalogue, "d", ["a"], truth)
    assert catalogue.get("d/a") == before
    assert store.info(catalogue_key("d/a")).modified == written
    fill(catalogue, "d", ["a"])
    assert catalogue.get("d/a").truth_sha256 is None
    assert ids(catalogue.page(dataset="d", with_truth=True).images) == ["d/b"]


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
    assert catalogue.page(offset=60) == ImagePage(images=[], total=53, offset=60)
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


def test_datasets_are_counted_and_uploads_are_none(catalogue: Catalogue, store: LocalStore) -> None:
    for number in range(3):
        upload(catalogue, f"upload {number}")
    truth = upload_truth(store)
    for dataset in ("a", "a-b", "a0", "sha256", "t", "z_9"):
        fill(catalogue, dataset, ["x", "y/z"])
        fill(catalogue, dataset, ["w"], truth)
    found = [(entry.name, entry.images, entry.with_truth) for entry in catalogue.datasets()]
    assert found == [(name, 3, 1) for name in ("a", "a-b", "a0", "sha256", "t", "z_9")]


def test_no_dataset_in_an_empty_catalogue(catalogue: Catalogue) -> None:
    assert catalogue.datasets() == []
    assert catalogue.page().images == []
    assert catalogue.page().next is None


def test_missing_tells_what_to_upload_in_order(catalogue: Catalogue, store: LocalStore) -> None:
    known, truth = upload(catalogue, "a"), upload_truth(store)
    assert catalogue.missing("images", [sha("z"), known, sha("b")]) == [sha("z"), sha("b")]
    assert catalogue.missing("truths", [sha("z"), truth, sha("b")]) == [sha("z"), sha("b")]
    assert catalogue.missing("images", []) == catalogue.missing("truths", []) == []
    with pytest.raises(InvalidId):
        catalogue.missing("truths", ["../../etc/passwd"])


def test_an_emptied_redis_is_rebuilt_from_the_store(
    catalogue: Catalogue, store: LocalStore, redis: Redis
) -> None:
    truth = upload_truth(store)
    fill(catalogue, "d", [f"{number:04d}" for number in range(700)], truth)
    fill(catalogue, "e", ["x", "x/y", "x.json"])
    before = list(catalogue.walk("")), catalogue.datasets()
    redis.flushall()
    assert catalogue.page().images == []
    assert catalogue.rebuild() == 704
    assert (list(catalogue.walk("")), catalogue.datasets()) == before
    assert catalogue.missing("truths", [truth]) == []
    assert catalogue.rebuild() == 704


def test_a_damaged_entry_is_left_out_and_told(
    catalogue: Catalogue, store: LocalStore, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    fill(catalogue, "d", ["a", "b"])
    store.put(catalogue_key("d/a"), b'{"id": ', "application/json")
    redis.flushall()
    assert catalogue.rebuild() == 2
    assert ids(list(catalogue.walk("d/"))) == ["d/b"]
    assert catalogue_key("d/a") in caplog.text


def test_an_entry_that_redis_could_not_take_is_not_lost(
    catalogue: Catalogue, store: LocalStore, redis: Redis
) -> None:
    """It is in the store before the index has it, and the next rebuild finds it."""
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(RecordsUnavailable):
            upload(catalogue, "a")
    finally:
        redis.config_set("maxmemory", 0)
    assert catalogue.page().images == []
    assert catalogue.rebuild() == 1
    assert catalogue.get(f"sha256-{sha('a')}").bytes == 1000


def test_a_redis_that_is_away_is_told(store: LocalStore) -> None:
    with connect_redis(Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")) as nowhere:
        catalogue = Catalogue(nowhere, store)
        with pytest.raises(RecordsUnavailable):
            catalogue.get("d/a")
