"""An interrupted erasure is finished; one that cannot be keeps no other from its end."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import numpy as np
import pytest
from redis import Redis

from roadmask.errors import RecordUnreadable, StoreUnavailable
from roadmask.images.facts import ImageFacts
from roadmask.masks.codec import encode_mask
from roadmask.schemas.images import CatalogueEntry, Image
from roadmask.settings import Settings
from storage.access.caller import ANYBODY, owner_alone
from storage.access.ownership import DATASET_OWNERS
from storage.access.upload_index import OWNED_UPLOADS
from storage.backends import StorageBackends
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.uploaded_image import UploadedImage
from storage.erasure.eraser import LOCK, LOCK_S
from storage.erasure.erasure import DONE, PENDING, Erasure, ErasureRecords
from storage.erasure.sweeper import Sweeper
from storage.jobs.keys import new_job_id
from storage.objects.keys import image_key, truth_key
from storage.objects.local import LocalStore

JSON = "application/json"
FACTS = ImageFacts("png", 8, 6, 3, 8)
OWNER, OTHER = owner_alone("one"), owner_alone("two")
MASK = encode_mask(np.ones((6, 8), np.uint8))
TRUTH = hashlib.sha256(MASK).hexdigest()


@pytest.fixture
def storage(settings: Settings, redis: Redis, store: LocalStore) -> StorageBackends:
    """A service in which everything has settled at once."""
    at_once = settings.model_copy(update={"item_deadline_s": 0.0, "lease_s": 0.0001})
    return StorageBackends.build(redis, store, at_once)


def upload(storage: StorageBackends, sha256: str = "a" * 64) -> Image:
    """Store an image of the owner and add it to the catalogue."""
    storage.catalogue.seen_by(OWNER).own_upload("images", sha256, 5)
    storage.store.put(image_key(sha256), b"bytes", "image/png")
    upload = UploadedImage(sha256, FACTS, 5)
    [image] = storage.catalogue.seen_by(OWNER).add_uploads([upload])
    return image


def annotate(storage: StorageBackends) -> None:
    """Store a truth of the owner, and a dataset with an image that has it and one that has not."""
    own = storage.catalogue.seen_by(OWNER)
    own.own_upload("truths", TRUTH, len(MASK))
    storage.store.put(truth_key(TRUTH), MASK, "image/png")
    images = [upload(storage, letter * 64) for letter in "ab"]
    own.register(
        "scenes",
        [
            CatalogueEntry(name="a", sha256=images[0].sha256, truth_sha256=TRUTH),
            CatalogueEntry(name="b", sha256=images[1].sha256),
        ],
    )


@contextmanager
def interrupted_at(number: int) -> Iterator[Callable[[], bool]]:
    """The store is away from this write on; yields whether it was asked for it."""
    writes = count(1)
    last = 0

    def counted(write: Callable[..., None]) -> Callable[..., None]:
        def counting(*args: Any, **options: Any) -> None:
            nonlocal last
            if (last := next(writes)) >= number:
                raise StoreUnavailable("The store is away.")
            write(*args, **options)

        return counting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "put", counted(LocalStore.put))
        patch.setattr(LocalStore, "delete", counted(LocalStore.delete))
        yield lambda: last >= number


ERASURES: dict[str, Callable[[StorageBackends], object]] = {
    "image": lambda storage: storage.eraser.image(OWNER, "scenes/a"),
    "dataset": lambda storage: storage.eraser.dataset(OWNER, "scenes"),
    "truth": lambda storage: storage.eraser.truth(OWNER, TRUTH),
}
LEFT = {
    "image": {b"images/" + b"b" * 64: b"1", b"truths/" + TRUTH.encode(): b"1"},
    "dataset": {b"truths/" + TRUTH.encode(): b"1"},
    "truth": {b"images/" + b"a" * 64: b"1", b"images/" + b"b" * 64: b"1"},
}
"""The uploads with owners after each of them."""


@pytest.mark.parametrize("kind", ERASURES)
def test_an_erasure_that_is_interrupted_at_any_write_is_finished_by_a_sweep(
    storage: StorageBackends, store: LocalStore, redis: Redis, kind: str
) -> None:
    for number in count(2):  # the first write is the record
        redis.flushall()
        for key in list(store.keys("")):
            store.delete(key)
        annotate(storage)
        with suppress(StoreUnavailable), interrupted_at(number) as was_interrupted:
            ERASURES[kind](storage)
        other = storage.catalogue.seen_by(OTHER)
        assert other.missing("truths", [TRUTH]) == [TRUTH], number
        assert other.page().images == [], number
        storage.eraser.sweep()
        storage.eraser.sweep()
        assert list(store.keys(PENDING)) == [], number
        assert redis.hgetall(OWNED_UPLOADS) == LEFT[kind], number
        gone = {"image": image_key("a" * 64), "dataset": image_key("b" * 64)}
        assert not store.exists(gone.get(kind, truth_key(TRUTH))), number
        own = storage.catalogue.seen_by(OWNER)
        names = {"image": ["scenes/b"], "dataset": [], "truth": ["scenes/a", "scenes/b"]}[kind]
        assert [image.id for image in own.page().images] == names, number
        assert own.missing("truths", [TRUTH]) == ([TRUTH] if kind == "truth" else []), number
        if kind == "truth":
            assert own.get("scenes/a").truth_sha256 is None, number
        assert redis.hexists(DATASET_OWNERS, "scenes") == (kind != "dataset"), number
        if not was_interrupted():
            break
    assert number > 5


def test_an_erasure_in_progress_is_left_to_its_process(
    storage: StorageBackends, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = upload(storage)
    with pytest.raises(StoreUnavailable), interrupted_at(2):
        storage.eraser.image(OWNER, image.id)
    monkeypatch.setattr(storage.eraser, "_settle_ms", 60_000)
    assert storage.eraser.sweep() == 0
    assert storage.catalogue.seen_by(OWNER).get(image.id) == image
    monkeypatch.setattr(storage.eraser, "_settle_ms", 0)
    storage.eraser.sweep()
    assert storage.catalogue.seen_by(OWNER).missing("images", [image.sha256]) == [image.sha256]


def test_bytes_of_two_keys_that_one_uploads_again_stay_its_own(
    storage: StorageBackends, store: LocalStore
) -> None:
    image = upload(storage)
    storage.catalogue.seen_by(OTHER).own_upload("images", image.sha256, 1)
    with pytest.raises(StoreUnavailable), interrupted_at(2):
        storage.eraser.image(OWNER, image.id)
    storage.ownership.forget_upload(OWNER.owner, "images", image.sha256)
    storage.catalogue.seen_by(OWNER).own_upload("images", image.sha256, 1)
    storage.eraser.sweep()
    assert storage.eraser.sweep() == 1
    assert storage.ownership.owners_of("images", image.sha256) == {OWNER.owner, OTHER.owner}
    assert storage.catalogue.seen_by(OWNER).get(image.id) == image


def test_what_is_uploaded_again_after_an_interruption_stays_and_keeps_its_owner(
    storage: StorageBackends, store: LocalStore
) -> None:
    image = upload(storage)
    with pytest.raises(StoreUnavailable), interrupted_at(4):  # the entry is deleted
        storage.eraser.image(OWNER, image.id)
    assert storage.catalogue.missing("images", [image.sha256]) == [image.sha256]
    upload(storage)
    storage.eraser.sweep()
    assert storage.eraser.sweep() == 1
    assert store.exists(image_key(image.sha256))
    assert storage.ownership.owners_of("images", image.sha256) == {"one"}
    assert storage.catalogue.seen_by(OTHER).missing("images", [image.sha256])


def test_a_truth_that_is_uploaded_again_after_an_interruption_stays(
    storage: StorageBackends, store: LocalStore
) -> None:
    annotate(storage)
    with pytest.raises(StoreUnavailable), interrupted_at(4):  # its bytes are deleted
        storage.eraser.truth(OWNER, TRUTH)
    assert not store.exists(truth_key(TRUTH))
    store.put(truth_key(TRUTH), MASK, "image/png")
    storage.eraser.sweep()
    assert storage.eraser.sweep() == 1
    assert storage.catalogue.seen_by(OWNER).missing("truths", [TRUTH]) == []
    assert storage.catalogue.seen_by(OTHER).missing("truths", [TRUTH]) == [TRUTH]


def erase_an_image(storage: StorageBackends) -> str:
    """Ask for the erasure of an image; return its key in the store."""
    image = upload(storage)
    storage.eraser.image(ANYBODY, image.id)
    return image_key(image.sha256)


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"kind": "planet"}'])
def test_a_damaged_record_is_skipped_and_named_once(
    storage: StorageBackends, record: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    damaged_id = new_job_id()
    storage.store.put(f"{PENDING}{damaged_id}.json", record, JSON)
    key = erase_an_image(storage)
    assert storage.eraser.sweep() == 1
    assert not storage.store.exists(key)
    storage.eraser.sweep()
    assert caplog.text.count(f"{PENDING}{damaged_id}.json cannot be read") == 1
    with pytest.raises(RecordUnreadable, match=damaged_id):
        storage.eraser.records.get(damaged_id)


def test_an_erasure_that_meets_an_error_goes_on_later(
    storage: StorageBackends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    erase_an_image(storage)
    with monkeypatch.context() as patch:
        patch.setattr(Sweeper, "_objects", lambda *_: 1 / 0)
        assert storage.eraser.sweep() == 0
    assert "is retried: ZeroDivisionError" in caplog.text
    assert storage.eraser.sweep() == 1


def test_a_sweep_that_takes_long_leaves_the_lock_of_another_one(
    storage: StorageBackends, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of the first sweep ended, as after a pause of the process."""
    erase_an_image(storage)

    def lose_lock(_: Any) -> list[Any]:
        redis.set(LOCK, b"of another process", ex=LOCK_S)
        return []

    monkeypatch.setattr(ErasureRecords, "pending", lose_lock)
    storage.eraser.sweep()
    assert redis.get(LOCK) == b"of another process"
    assert storage.eraser.sweep() == 0
    redis.delete(LOCK)
    monkeypatch.undo()
    assert storage.eraser.sweep() == 1
    assert not redis.exists(LOCK)


def test_a_sweep_renews_its_lock(
    storage: StorageBackends, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.erasure.eraser.LOCK_S", 1)
    erase_an_image(storage)

    def sweep_slowly(_: Any, group: Sequence[Erasure]) -> Counter[str]:
        time.sleep(2)
        return Counter({group[0].id: redis.exists(LOCK)})

    monkeypatch.setattr(Sweeper, "_objects", sweep_slowly)
    assert storage.eraser.sweep() == 1
    [done] = storage.store.keys(DONE)
    assert json.loads(storage.store.get(done))["objects"] == 3, "the last one is the lock"
    assert not redis.exists(LOCK)


def test_the_entries_of_a_large_dataset_are_never_all_in_memory(
    storage: StorageBackends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.erasure.upload_bytes.BATCH", 2)
    uploads = [UploadedImage(f"{number:064x}", FACTS, 5) for number in range(5)]
    storage.catalogue.add_uploads(uploads)
    entries = [CatalogueEntry(name=one.sha256[-4:], sha256=one.sha256) for one in uploads]
    storage.catalogue.register("large", entries)
    read, most = Catalogue.get_many, 0

    def counted(self: Catalogue, image_ids: Sequence[str]) -> list[Image | None]:
        nonlocal most
        most = max(most, len(image_ids))
        return read(self, image_ids)

    monkeypatch.setattr(Catalogue, "get_many", counted)
    storage.eraser.dataset(ANYBODY, "large")
    assert storage.eraser.sweep() == 1
    assert storage.catalogue.page().total == 0
    assert most == 2
