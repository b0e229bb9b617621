"""Pending erasures share one walk, and one that cannot be finished keeps no other from its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from roadmask.images.facts import ImageFacts
from roadmask.schemas.images import Image
from storage.access.caller import owner_alone
from storage.backends import StorageBackends
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.uploaded_image import UploadedImage
from storage.erasure.erasure import DONE, PENDING, Erased, Erasure
from storage.jobs.job_file import stored_job_ids
from storage.jobs.keys import results_key
from storage.objects.store import ObjectStore
from tests.harness.storage.records_harness import RecordsHarness, manifest_item

ITEMS = 4
IMAGES = [manifest_item(index).sha256 for index in range(ITEMS)]


@pytest.fixture
def storage(harness: RecordsHarness) -> StorageBackends:
    return StorageBackends.build(harness.redis, harness.store, harness.settings)


def segmented(harness: RecordsHarness) -> str:
    """A job whose items all have results, in Redis."""
    job_id = harness.accept(ITEMS)
    harness.work(job_id)
    return job_id


def erase(storage: StorageBackends, sha256: str, owner: str | None = None) -> Erasure:
    """The settled erasure of an image by its owner, or by the operator."""
    caller = owner_alone(owner)
    record = storage.eraser.records.begin(Erased.IMAGE, f"sha256-{sha256}", caller)
    settled = replace(record, owner=owner, images=(sha256,), hidden_ms=1)
    return storage.eraser.records.save(settled)


def shares(harness: RecordsHarness, job_id: str) -> list[bool]:
    """Whether the result of each item still has what the image shows."""
    return [bool(item.result and item.result.shares) for item in harness.items(job_id)]


def test_all_erasures_of_an_owner_share_one_walk(
    harness: RecordsHarness, storage: StorageBackends, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [segmented(harness) for _ in range(2)]
    erasures = [erase(storage, sha256) for sha256 in IMAGES[:3]]
    walks = []
    listed, walk = stored_job_ids, Catalogue.walk

    def walk_jobs(store: ObjectStore) -> Iterator[str]:
        walks.append("jobs")
        return listed(store)

    def walk_catalogue(self: Catalogue, prefix: str = "") -> Iterator[Image]:
        walks.append("catalogue")
        return walk(self, prefix)

    monkeypatch.setattr("storage.erasure.sweeper.stored_job_ids", walk_jobs)
    monkeypatch.setattr(Catalogue, "walk", walk_catalogue)
    assert storage.eraser.sweep() == 3
    assert sorted(walks) == ["catalogue", "jobs"]
    for job_id in jobs:
        assert shares(harness, job_id) == [False, False, False, True]
    for erasure in erasures:
        record = storage.eraser.records.get(erasure.id)
        assert record.finished_ms
        assert storage.store.exists(f"{DONE}{erasure.id}.json")


def test_an_erasure_leaves_the_results_of_newer_jobs_and_of_other_owners(
    harness: RecordsHarness, storage: StorageBackends
) -> None:
    older = segmented(harness)
    erase(storage, IMAGES[0])
    newer = segmented(harness)
    erase(storage, IMAGES[1])
    erase(storage, IMAGES[2], owner="another")
    # It is uploaded again: what the newer job says of it stays.
    storage.catalogue.add_uploads([UploadedImage(IMAGES[0], ImageFacts("png", 8, 6, 3, 8), 5)])
    assert storage.eraser.sweep() == 3
    assert shares(harness, older) == [False, False, True, True]
    assert shares(harness, newer) == [True, False, True, True]


@pytest.mark.parametrize("damaged", range(3))
def test_an_erasure_that_meets_a_damaged_result_keeps_no_other_from_its_end(
    harness: RecordsHarness, storage: StorageBackends, damaged: int
) -> None:
    job_id = harness.accept(ITEMS)
    for _ in range(ITEMS):
        claim = harness.begin(job_id)
        for item in claim.items:
            harness.succeed(claim, item.index)
    keys = [results_key(job_id, chunk) for chunk in range(ITEMS)]
    key = next(key for key in keys if harness.redis.hexists(key, str(damaged)))
    whole = harness.redis.hget(key, str(damaged))
    assert whole
    harness.redis.hset(key, str(damaged), "{")
    erasures = [erase(storage, sha256) for sha256 in IMAGES[:3]]
    assert storage.eraser.sweep() == 2
    assert list(storage.store.keys(PENDING)) == [f"{PENDING}{erasures[damaged].id}.json"]
    harness.redis.hset(key, str(damaged), whole)
    assert storage.eraser.sweep() == 1
    assert shares(harness, job_id) == [False, False, False, True]
