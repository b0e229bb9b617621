"""The catalogue: found by id, prefix, dataset and word; brought back from the store."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from redis import Redis

from roadmask.errors import (
    ImageNotFound,
    InvalidId,
    InvalidRequest,
    RecordsUnavailable,
    RecordUnreadable,
    TruthNotFound,
)
from roadmask.schemas.images import CatalogueEntry, Image
from roadmask.settings import Settings
from storage.access.caller import ANYBODY, owner_alone
from storage.backends import StorageBackends
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.entry import read_entry
from storage.catalogue.uploaded_image import UploadedImage
from storage.connections import connect_redis
from storage.objects.keys import catalogue_key
from storage.objects.local import LocalStore
from tests.servers.process import free_port
from tests.storage.catalogue.entries import FACTS, fill, ids, sha, upload, upload_truth


def unexpected(_: str, error: Exception) -> None:
    raise error


def test_an_upload_has_its_entry_at_once_and_once(catalogue: Catalogue) -> None:
    [image] = catalogue.add_uploads([UploadedImage(sha("a"), FACTS, 1234)])
    assert image.id == f"sha256-{sha('a')}"
    assert (image.width, image.height, image.bytes, image.format) == (40, 30, 1234, "png")
    assert (image.dataset, image.truth_sha256) == (None, None)
    assert catalogue.get(image.id) == image
    assert catalogue.add_uploads([UploadedImage(sha("a"), FACTS, 1234)]) == [image]


def test_uploads_at_once_are_those_one_by_one(catalogue: Catalogue) -> None:
    upload(catalogue, "known")
    uploads = [
        UploadedImage(sha("known"), FACTS, 1000, "renamed.png"),
        UploadedImage(sha("new"), FACTS, 1000, "first.png"),
        UploadedImage(sha("new"), FACTS, 1000, "second.png"),
        *(UploadedImage(sha(str(number)), FACTS, 1000) for number in range(20)),
    ]
    images = catalogue.add_uploads(uploads)
    assert [(image.sha256, image.filename) for image in images] == [
        (each.sha256, each.filename) for each in uploads
    ]
    stored = {image.sha256: image.filename for image in catalogue.walk("")}
    assert stored == {each.sha256: each.filename for each in uploads}
    assert catalogue.add_uploads([]) == []


def test_an_unknown_id_is_told(catalogue: Catalogue) -> None:
    with pytest.raises(ImageNotFound, match="scenes/1"):
        catalogue.get("scenes/1")
    for odd in ("../x", "a//b", "", "a\n", "a\x1b"):
        with pytest.raises(InvalidId):
            catalogue.get(odd)


def test_names_of_any_script_and_depth_survive(catalogue: Catalogue, redis: Redis) -> None:
    deep = "/".join(f"folder {n}" for n in range(15))
    names = [
        "東京",
        "大阪",
        "日本語 街",
        "übel",
        "u\u0308bel",
        "äbel",
        "a.jpg",
        "a.png",
        deep,
        "a/-",
    ]
    fill(catalogue, "街", names)
    fill(catalogue, "plain", ["東京"])
    wanted = sorted(f"街/{name}" for name in names)
    for _ in range(2):
        assert ids(list(catalogue.walk("街/"))) == wanted
        assert ids(catalogue.page(prefix="街/日本").images) == ["街/日本語 街"]
        page = catalogue.page(dataset="街", limit=4)
        assert ids(catalogue.page(dataset="街", cursor=page.next).images) == wanted[4:]
        assert [(each.name, each.images) for each in catalogue.datasets()] == [
            ("plain", 1),
            ("街", len(names)),
        ]
        redis.flushall()
        assert catalogue.rebuild(unexpected) == len(names) + 2


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


def test_a_named_upload_is_listed_by_its_name_alone(catalogue: Catalogue, redis: Redis) -> None:
    digest, other = upload(catalogue, "a"), upload(catalogue, "b")
    assert catalogue.page().total == 2
    catalogue.register("d", [CatalogueEntry(name="x", sha256=digest)])
    for _ in range(2):
        page = catalogue.page()
        assert (ids(page.images), page.total) == (["d/x", f"sha256-{other}"], 2)
        assert ids(catalogue.page(query=digest[:20]).images) == []
        assert catalogue.get(f"sha256-{digest}").sha256 == upload(catalogue, "a") == digest
        assert catalogue.missing("images", [digest]) == []
        with pytest.raises(ImageNotFound):
            catalogue.page(at=f"sha256-{digest}")
        redis.flushall()
        catalogue.rebuild(unexpected)


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


@pytest.mark.parametrize("dataset", ["a/b", "sha256-x", "..", "", "a\n", "a\x1b"])
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
    assert catalogue.rebuild(unexpected) == 704
    assert (list(catalogue.walk("")), catalogue.datasets()) == before
    assert catalogue.missing("truths", [truth]) == []
    assert catalogue.rebuild(unexpected) == 704


def test_a_damaged_entry_is_left_out_and_told(
    catalogue: Catalogue, store: LocalStore, redis: Redis
) -> None:
    fill(catalogue, "d", ["a", "b"])
    store.put(catalogue_key("d/a"), b'{"id": ', "application/json")
    other = store.get(catalogue_key("d/b"))
    store.put(catalogue_key("d/c"), other, "application/json")
    redis.flushall()
    skipped: dict[str, Exception] = {}
    assert catalogue.rebuild(skipped.__setitem__) == 2
    assert ids(list(catalogue.walk("d/"))) == ["d/b"]
    assert list(skipped) == [catalogue_key("d/a"), catalogue_key("d/c")]
    assert all(isinstance(error, RecordUnreadable) for error in skipped.values())
    assert "it is the entry of d/b" in str(skipped[catalogue_key("d/c")])


def test_an_entry_of_a_newer_version_is_read(
    catalogue: Catalogue, store: LocalStore, redis: Redis
) -> None:
    fill(catalogue, "d", ["a"])
    key = catalogue_key("d/a")
    newer = json.loads(store.get(key)) | {"record_format": 2, "licence": "CC0"}
    store.put(key, json.dumps(newer).encode(), "application/json")
    before = catalogue.get("d/a")
    redis.flushall()
    catalogue.rebuild(unexpected)
    assert catalogue.get("d/a") == before
    redis.set("rm:image:d/a", json.dumps(newer))
    assert catalogue.get("d/a") == before


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
    assert catalogue.rebuild(unexpected) == 1
    assert catalogue.get(f"sha256-{sha('a')}").bytes == 1000


def test_a_redis_that_is_away_is_told(store: LocalStore) -> None:
    settings = Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    with connect_redis(settings) as nowhere:
        catalogue = StorageBackends.build(nowhere, store, settings).catalogue
        with pytest.raises(RecordsUnavailable):
            catalogue.get("d/a")


def test_damaged_markers_of_owners_stop_no_rebuild_and_open_no_dataset(
    catalogue: Catalogue, store: LocalStore, redis: Redis
) -> None:
    owner = catalogue.seen_by(owner_alone("k1"))
    for kind, size in (("a", 10), ("b", 20)):
        owner.own_upload("images", sha(kind), size)
        owner.add_uploads([UploadedImage(sha(kind), FACTS, size)])
    owner.register("mine", [CatalogueEntry(name="a", sha256=sha("a"))])
    fill(catalogue, "shared", ["x"])
    [marker] = store.keys("datasets/")
    upload_marker = next(store.keys("owners/"))
    for key in (marker, upload_marker):
        store.put(key, b"{", "application/json")
    redis.flushall()
    skipped: dict[str, Exception] = {}
    catalogue.rebuild(skipped.__setitem__)
    assert list(skipped) == [marker, upload_marker]
    assert [image.id for image in catalogue.walk("shared/")] == ["shared/x"]
    stranger = catalogue.seen_by(owner_alone("k2"))
    assert list(stranger.walk("mine/")) == []


@pytest.mark.parametrize("change", ["register", "set_truth"])
def test_a_truth_that_is_erased_while_it_is_set_is_missing(
    redis: Redis,
    store: LocalStore,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    storage = StorageBackends.build(redis, store, settings)
    truth, image = upload_truth(store), upload(storage.catalogue, "one")
    entry = CatalogueEntry(name="a", sha256=image, truth_sha256=truth)
    arguments = {"register": ("scenes", [entry]), "set_truth": (f"sha256-{image}", truth)}
    write = Catalogue._write

    def erase_then_write(self: Catalogue, images: Sequence[Image]) -> None:
        storage.eraser.truth(ANYBODY, truth)
        write(self, images)

    monkeypatch.setattr(Catalogue, "_write", erase_then_write)
    with pytest.raises(TruthNotFound) as error:
        getattr(storage.catalogue, change)(*arguments[change])
    assert error.value.extra["missing"] == [truth]
    image_id = {"register": "scenes/a", "set_truth": f"sha256-{image}"}[change]
    assert storage.catalogue.get(image_id).truth_sha256 is None
    assert read_entry(store, catalogue_key(image_id)).truth_sha256 is None
    assert ids(storage.catalogue.page(with_truth=True).images) == []
