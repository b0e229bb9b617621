"""Garbage is what nothing refers to; running jobs and uploads lose nothing."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from redis import Redis

from roadmask.errors import ModelNotFound, RecordsUnavailable, StoreUnavailable
from roadmask.images.facts import ImageFacts
from roadmask.schemas.images import CatalogueEntry
from roadmask.schemas.jobs import ImageRef, JobCreate
from roadmask.schemas.model_version import ModelVersion
from roadmask.settings import Settings
from storage.access.caller import ANYBODY, owner_alone
from storage.backends import StorageBackends
from storage.catalogue.uploaded_image import UploadedImage
from storage.jobs.manifest import ManifestItem
from storage.objects.keys import (
    DEPLOYMENTS,
    MODELS,
    catalogue_key,
    image_key,
    model_key,
    thumbnail_key,
)
from storage.objects.local import LocalStore
from tests.harness.storage.artifact_folders import write_artifact
from tests.harness.storage.usage import bytes_stored
from tests.storage.catalogue.entries import upload_truth

FACTS = ImageFacts("png", 8, 6, 3, 8)
DAY_S = 24 * 3600


@pytest.fixture
def storage(settings: Settings, redis: Redis, store: LocalStore) -> StorageBackends:
    built = StorageBackends.build(redis, store, settings.model_copy(update={"keep_jobs_days": 3}))
    built.reconciler.run()
    return built


def stored(storage: StorageBackends, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    storage.store.put(image_key(sha256), data, "image/png")
    return sha256


def age(settings: Settings, days: float = 2) -> None:
    """Let everything that is stored be older."""
    moment = time.time() - days * DAY_S
    for folder, _, names in os.walk(settings.objects_dir):
        for name in names:
            os.utime(os.path.join(folder, name), (moment, moment))


def test_nothing_is_garbage_while_references_are_unknown(
    storage: StorageBackends, settings: Settings, redis: Redis, store: LocalStore
) -> None:
    """Redis was emptied; then it is rebuilt, but for an entry that cannot be read."""
    image, lost = stored(storage, b"i"), stored(storage, b"l")
    for sha256 in (image, lost):
        storage.catalogue.add_uploads([UploadedImage(sha256, FACTS, 1)])
    age(settings)
    redis.flushall()
    with pytest.raises(RecordsUnavailable, match="Nothing is deleted"):
        storage.garbage.collect(DAY_S)
    store.put(catalogue_key(f"sha256-{lost}"), b"", "application/json")
    storage.reconciler.run()
    assert storage.garbage.collect(DAY_S) == {}
    assert store.exists(image_key(image))
    assert store.exists(image_key(lost))


def test_orphans_go_and_what_is_referred_to_stays(
    storage: StorageBackends, settings: Settings, store: LocalStore
) -> None:
    orphan, named, listed, used = (stored(storage, word) for word in (b"o", b"n", b"l", b"u"))
    store.put(thumbnail_key(orphan), b"t", "image/jpeg")
    for sha256 in (named, listed):
        storage.catalogue.add_uploads([UploadedImage(sha256, FACTS, 1)])
    storage.catalogue.register("scenes", [CatalogueEntry(name="a", sha256=named)])
    item = ManifestItem(f"sha256-{used}", None, used, None)
    storage.records.create(JobCreate(images=[ImageRef(id=item.image)]), [item], None)
    assert storage.garbage.collect(DAY_S) == {}, "all are new"
    age(settings)
    assert storage.garbage.collect(DAY_S, dry_run=True) == {"images": 1, "thumbnails": 1}
    assert store.exists(image_key(orphan))
    assert storage.garbage.collect(DAY_S) == {"images": 1, "thumbnails": 1}
    left = {sha256 for sha256 in (orphan, named, listed, used) if store.exists(image_key(sha256))}
    assert left == {named, listed, used}


def test_a_truth_that_went_is_missing_and_may_be_uploaded_again(
    storage: StorageBackends, settings: Settings, store: LocalStore
) -> None:
    truth = upload_truth(store)
    assert storage.catalogue.missing("truths", [truth]) == [], "its size is cached"
    age(settings)
    assert storage.garbage.collect(DAY_S, dry_run=True) == {"truths": 1}
    assert storage.catalogue.missing("truths", [truth]) == []
    assert storage.garbage.collect(DAY_S) == {"truths": 1}
    assert storage.catalogue.missing("truths", [truth]) == [truth]
    assert upload_truth(store) == truth
    assert storage.catalogue.missing("truths", [truth]) == []


def test_uploads_without_bytes_or_entry_leave_the_quota_of_their_key(
    storage: StorageBackends, settings: Settings
) -> None:
    one = storage.catalogue.seen_by(owner_alone("one"))
    never_came = hashlib.sha256(b"never came").hexdigest()
    unfinished, kept = (stored(storage, word) for word in (b"unfinished", b"kept"))
    for size, sha256 in ((1, never_came), (10, unfinished), (100, kept)):
        one.own_upload("images", sha256, size)
    one.add_uploads([UploadedImage(kept, FACTS, 100)])
    assert storage.garbage.collect(DAY_S) == {}, "all are new"
    age(settings)
    assert storage.garbage.collect(DAY_S) == {"images": 1, "owners": 2}
    assert bytes_stored(storage, "one") == 100
    assert storage.ownership.owners_of("images", kept) == {"one"}
    storage.store.delete(image_key(kept))
    assert storage.garbage.collect(DAY_S) == {}, "its entry would be shown to all keys"


def test_an_upload_that_comes_back_while_its_owner_is_forgotten_keeps_it(
    storage: StorageBackends, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = hashlib.sha256(b"bytes").hexdigest()
    storage.catalogue.seen_by(owner_alone("one")).own_upload("images", sha256, 5, "a.png")
    age(settings)
    forget = storage.ownership.forget_upload

    def forget_slowly(*upload: Any) -> None:
        stored(storage, b"bytes")
        forget(*upload)

    monkeypatch.setattr(storage.ownership, "forget_upload", forget_slowly)
    storage.garbage.collect(DAY_S)
    assert storage.ownership.owners_of("images", sha256) == {"one"}
    assert bytes_stored(storage, "one") == 5


def test_old_uploads_go_unless_a_dataset_has_them(
    settings: Settings, redis: Redis, store: LocalStore
) -> None:
    keeping = settings.model_copy(update={"keep_uploads_days": 1})
    storage = StorageBackends.build(redis, store, keeping)
    storage.reconciler.run()
    one, two = (storage.catalogue.seen_by(owner_alone(name)) for name in ("one", "two"))
    plain, named = (stored(storage, word) for word in (b"plain", b"named"))
    for sha256 in (plain, named):
        one.own_upload("images", sha256, 5)
        [image] = one.add_uploads([UploadedImage(sha256, FACTS, 5)])
        long_ago = image.created_at - timedelta(days=2)
        one._write([image.model_copy(update={"created_at": long_ago})])
    one.register("scenes", [CatalogueEntry(name="a", sha256=named)])
    two.own_upload("images", named, 5)
    assert two.page().total == 1, "it lists its upload, which is in the dataset of another key"
    assert storage.garbage.collect(DAY_S) == {"uploads": 1}
    assert [store.exists(image_key(sha256)) for sha256 in (plain, named)] == [False, True]


def test_uploads_that_race_with_a_collection_are_kept(
    storage: StorageBackends, settings: Settings, store: LocalStore
) -> None:
    over = Event()
    orphans = [stored(storage, b"orphan %d" % n) for n in range(40)]
    age(settings)

    def collect() -> None:
        while not over.is_set():
            storage.garbage.collect(3600)

    def upload(data: bytes) -> str:
        # The bytes are stored again before anything refers to them, as in a request.
        sha256 = stored(storage, data)
        storage.catalogue.add_uploads([UploadedImage(sha256, FACTS, 1)])
        item = ManifestItem(f"sha256-{sha256}", None, sha256, None)
        storage.records.create(JobCreate(images=[ImageRef(id=item.image)]), [item], None)
        return sha256

    with ThreadPoolExecutor(1) as pool:
        collecting = pool.submit(collect)
        kept = [upload(b"orphan %d" % n) for n in range(0, 40, 2)]
        kept += [upload(b"new %d" % n) for n in range(20)]
        over.set()
        collecting.result()
    storage.garbage.collect(3600)
    assert [sha256 for sha256 in kept if not store.exists(image_key(sha256))] == []
    assert not any(store.exists(image_key(sha256)) for sha256 in set(orphans) - set(kept))


def test_ended_jobs_are_kept_for_their_days(
    storage: StorageBackends, settings: Settings, redis: Redis, store: LocalStore
) -> None:
    item = ManifestItem("sha256-0", None, "0" * 64, None)
    job, _ = storage.records.create(JobCreate(images=[ImageRef(id=item.image)]), [item], None)
    storage.records.cancel(job.id)
    storage.reconciler.run()
    done = f"jobs/{job.id}/done.json"
    finished = job.created_at.timestamp() * 1000
    old = str(int(finished - 4 * DAY_S * 1000)).encode()
    data = store.get(done)
    recorded = redis.hget(f"rm:job:{job.id}", "finished")
    assert isinstance(recorded, bytes)
    store.put(done, data.replace(recorded, old), "application/json")
    assert storage.garbage.collect(DAY_S) == {}, "Redis still has the record"
    redis.delete(f"rm:job:{job.id}")
    assert storage.garbage.collect(DAY_S) == {"jobs": 1}
    assert list(store.keys(f"jobs/{job.id}/")) == []


def published(storage: StorageBackends, folder: Path, name: str) -> ModelVersion:
    version = write_artifact(folder / name, name, name.encode())
    storage.registry.push(folder / name, version)
    return version


def job_of(storage: StorageBackends, model: str) -> str:
    item = ManifestItem("sha256-0", None, "0" * 64, None)
    request = JobCreate(images=[ImageRef(id=item.image)])
    return storage.records.create(request, [item], None, model).job.id


def test_models_go_that_nothing_can_need(
    settings: Settings, redis: Redis, store: LocalStore, tmp_path: Path
) -> None:
    keeping = settings.model_copy(update={"keep_models_days": 3})
    storage = StorageBackends.build(redis, store, keeping)
    storage.reconciler.run()
    names = ("unused", "served", "left", "serving", "open", "ended", "worker", "coming", "new")
    models = {name: published(storage, tmp_path, name) for name in names}
    for name in ("served", "left", "serving"):
        storage.deployments.promote(str(models[name]))
    ended = job_of(storage, "ended")  # as a worker resolves it
    storage.records.cancel(ended)
    job_of(storage, str(models["open"]))
    storage.workers.heartbeat("w", {"models": [str(models["worker"])]})
    storage.deployments.request_preload(str(models["coming"]))
    storage.reconciler.run()
    age(settings, days=4)
    (settings.objects_dir / model_key("new", models["new"].version, "card.json")).touch()

    def collect(**options: bool) -> Counter[str]:
        return storage.garbage.collect(3600, **options)

    assert collect(dry_run=True) == collect() == {}, "the first one hides"
    kept = {version for name, version in models.items() if name != "unused"}
    assert set(storage.registry.versions()) == kept
    with pytest.raises(ModelNotFound):
        storage.registry.find("unused")
    assert collect() == {}, "it was hidden just now"
    age(settings, days=4)
    assert collect(dry_run=True) == {"models": 1}
    late = job_of(storage, str(models["unused"]))
    assert collect() == {}
    assert models["unused"] in storage.registry.versions(), "a job was accepted meanwhile"
    storage.eraser.job(ANYBODY, late)
    storage.eraser.job(ANYBODY, ended)
    counts: Counter[str] = Counter()
    for _ in range(3):
        age(settings, days=4)
        counts += collect()
    assert counts == {"models": 3}
    assert {v.name for v in storage.registry.versions()} == kept_names(names)
    assert storage.registry.push(tmp_path / "unused", models["unused"]), "as if it were new"


@pytest.mark.parametrize("deleted", range(5))
def test_a_model_whose_deletion_was_interrupted_goes(
    settings: Settings, redis: Redis, store: LocalStore, tmp_path: Path, deleted: int
) -> None:
    keeping = settings.model_copy(update={"keep_models_days": 3})
    storage = StorageBackends.build(redis, store, keeping)
    storage.reconciler.run()
    version = published(storage, tmp_path, "old")
    storage.registry.retire(version)
    delete, left = LocalStore.delete, iter(range(deleted))

    def stop_then(self: LocalStore, key: str) -> None:
        if next(left, None) is None:
            raise StoreUnavailable("The store is away.")
        delete(self, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "delete", stop_then)
        with pytest.raises(StoreUnavailable):
            storage.registry.delete(version)
    assert list(store.keys(MODELS))
    age(settings, days=2)
    storage.garbage.collect(3600)
    assert list(store.keys(MODELS)), "it may be an upload in progress"
    for _ in range(2):
        age(settings, days=4)
        storage.garbage.collect(3600)
    assert list(store.keys(MODELS)) == []


def kept_names(names: tuple[str, ...]) -> set[str]:
    return set(names) - {"unused", "ended", "new"}


def test_without_a_setting_and_beside_a_damaged_deployment_no_model_goes(
    storage: StorageBackends, settings: Settings, redis: Redis, store: LocalStore, tmp_path: Path
) -> None:
    version = published(storage, tmp_path, "old")
    keeping = settings.model_copy(update={"keep_models_days": 3})
    keeper = StorageBackends.build(redis, store, keeping)
    store.put(f"{DEPLOYMENTS}{1:013d}-00000000.json", b"half", "application/json")
    for built in (storage, keeper):
        for _ in range(3):
            age(settings, days=9)
            assert built.garbage.collect(3600) == {}
    assert storage.registry.versions() == [version]
