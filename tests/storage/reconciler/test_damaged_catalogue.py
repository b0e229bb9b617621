"""Damaged keys of the catalogue and texts that are no UTF-8: removed, or made again."""

from __future__ import annotations

import pytest
from redis import Redis

from roadmask.settings import Settings
from storage.access.caller import ANYBODY, owner_alone
from storage.access.ownership import DATASET_OWNERS
from storage.backends import StorageBackends
from storage.jobs.keys import DATASET_JOBS, DUE_DELIVERIES, EPOCH, RECONCILED, new_job_id
from storage.models.deployments import PRELOAD
from storage.objects.local import LocalStore
from storage.reconciler.report import read_report
from storage.reconciler.shared_keys import SharedKeys
from tests.storage.catalogue.entries import fill, ids, sha, upload, upload_truth


@pytest.fixture
def storage(redis: Redis, store: LocalStore, settings: Settings) -> StorageBackends:
    """A service whose records are complete."""
    built = StorageBackends.build(redis, store, settings)
    built.reconciler.run()
    return built


@pytest.mark.parametrize(
    "key",
    [
        *("rm:images", "rm:images:truth", "rm:images:owned", "rm:images:owned:truth"),
        *("rm:images:damaged", "rm:datasets", "rm:truths"),
    ],
)
def test_a_key_of_the_catalogue_of_the_wrong_type_is_made_again(
    storage: StorageBackends, store: LocalStore, redis: Redis, key: str
) -> None:
    truth = upload_truth(store)
    fill(storage.catalogue, "scenes", ["a", "b"], truth)
    storage.ownership.claim_dataset(owner_alone("camera"), "night", is_new=True)
    own = storage.catalogue.seen_by(owner_alone("camera"))
    fill(own, "night", ["c"], truth)
    redis.delete(key)
    redis.rpush(key, "x")
    storage.reconciler.run()
    fill(storage.catalogue, "day", ["d"], truth)
    upload(storage.catalogue, "two")
    assert ids(list(storage.catalogue.walk(""))) == [
        *("day/d", "night/c", "scenes/a", "scenes/b", f"sha256-{sha('two')}")
    ]
    assert [(d.name, d.images, d.with_truth) for d in storage.catalogue.datasets()] == [
        *(("day", 1, 1), ("night", 1, 1), ("scenes", 2, 2))
    ]
    assert [d.name for d in own.datasets()] == ["day", "night", "scenes"]
    others = storage.catalogue.seen_by(owner_alone("another"))
    assert [d.name for d in others.datasets()] == ["day", "scenes"]


def test_no_dataset_is_without_its_owner_until_the_index_of_owners_is_made_again(
    storage: StorageBackends, redis: Redis
) -> None:
    camera, another = owner_alone("camera"), owner_alone("another")
    storage.ownership.claim_dataset(camera, "night", is_new=True)
    redis.delete(DATASET_OWNERS)
    redis.rpush(DATASET_OWNERS, "x")
    SharedKeys(redis).replace_damaged()
    assert redis.exists(DATASET_OWNERS)
    storage.reconciler.run()
    assert storage.ownership.visible_datasets(another, ["night"]) == set()
    assert storage.ownership.visible_datasets(camera, ["night"]) == {"night"}


def test_what_is_no_id_is_removed_from_the_lists_of_images(
    storage: StorageBackends, redis: Redis
) -> None:
    fill(storage.catalogue, "b", ["1", "2"])
    redis.zadd("rm:images", {b"a\xff/b": 0, b"b/1\xff": 0})
    assert ids(list(storage.catalogue.walk(""))) == ["b/1", "b/2"]
    assert redis.zrange("rm:images", 0, -1) == [b"b/1", b"b/2"]
    redis.zadd("rm:images", {b"\xff": 0, b"a\xff/b": 0})
    assert [(found.name, found.images) for found in storage.catalogue.datasets()] == [("b", 2)]
    assert redis.zrange("rm:images", 0, -1) == [b"b/1", b"b/2"]


@pytest.mark.parametrize("value", [b"\xff", b"~", b""])
def test_a_wrong_job_of_a_dataset_hides_no_other(
    storage: StorageBackends, redis: Redis, value: bytes
) -> None:
    redis.hset(DATASET_JOBS, mapping={"/scenes": value})
    assert storage.content.latest_jobs(["scenes", "night"], ANYBODY) == {}


def test_texts_that_cannot_be_decoded_fail_no_duty_and_no_call(
    storage: StorageBackends, redis: Redis
) -> None:
    redis.hset(EPOCH, "server", b"\xff")
    redis.hset(RECONCILED, b"\xff", b"\xff")
    redis.set(PRELOAD, b"\xff", ex=60)
    redis.xadd("rm:audit", {b"\xff": b"\xff"})
    redis.zadd(DUE_DELIVERIES, {b"\xff": 9e12})
    storage.reconciler.run()
    assert redis.hget(EPOCH, "server") != b"\xff"
    assert read_report(redis).error == ""
    assert storage.deployments.preload_request() == "\ufffd"
    assert [entry["\ufffd"] for entry in storage.audit.list()] == ["\ufffd"]
    storage.eraser._forget_job(new_job_id())


def test_a_wrong_name_of_an_upload_is_given_anew(storage: StorageBackends, redis: Redis) -> None:
    camera = owner_alone("camera")
    storage.ownership.add_upload(camera, "images", sha("one"), 9, "1.png")
    redis.hset("rm:uploads:names:camera", f"images/{sha('one')}", b"\xff")
    assert storage.ownership.filenames(camera, "images", [sha("one")]) == {sha("one"): "\ufffd"}
    storage.ownership.add_upload(camera, "images", sha("one"), 9, "1.png")
    assert storage.ownership.filenames(camera, "images", [sha("one")]) == {sha("one"): "1.png"}


def test_a_rebuild_lists_the_uploads_of_a_key_that_have_a_truth(
    storage: StorageBackends, store: LocalStore, redis: Redis
) -> None:
    own = storage.catalogue.seen_by(owner_alone("camera"))
    own.own_upload("images", sha("one"), 9)
    upload(own, "one")
    own.set_truth(f"sha256-{sha('one')}", upload_truth(store))
    redis.flushall()
    storage.reconciler.run()
    assert own.page(with_truth=True).total == 1
    assert own.page(with_truth=False).images == []
