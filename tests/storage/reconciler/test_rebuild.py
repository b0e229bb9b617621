"""What could not be read when Redis was rebuilt is read again."""

from __future__ import annotations

import pytest

from roadmask.images.facts import ImageFacts
from roadmask.schemas.images import CatalogueEntry
from storage.access.caller import owner_alone
from storage.backends import StorageBackends
from storage.catalogue.uploaded_image import UploadedImage
from storage.jobs.keys import UNREADABLE
from storage.objects.keys import DATASETS
from tests.harness.storage.records_harness import RecordsHarness

JSON = "application/json"


@pytest.mark.parametrize("name", ["scenes", "Straßen"])
def test_a_marker_of_a_dataset_that_can_be_read_again_lets_its_owner_in(
    harness: RecordsHarness, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The key of the second one has a hash instead of the name."""
    monkeypatch.setattr("storage.reconciler.rebuild.RETRY_S", 0.0)
    catalogue = StorageBackends.build(harness.redis, harness.store, harness.settings).catalogue
    own, other = (catalogue.seen_by(owner_alone(owner)) for owner in ("one", "two"))
    own.own_upload("images", "a" * 64, 5)
    own.add_uploads([UploadedImage("a" * 64, ImageFacts("png", 8, 6, 3, 8), 5)])
    own.register(name, [CatalogueEntry(name="a", sha256="a" * 64)])
    [marker] = harness.store.keys(DATASETS)
    good = harness.store.get(marker)
    harness.store.put(marker, good[:-1], JSON)
    harness.redis.flushall()
    harness.reconciler.run()
    assert harness.redis.hkeys(UNREADABLE) == [marker.encode()]
    for caller in (own, other):
        assert caller.get_many([f"{name}/a"]) == [None]
        assert caller.datasets() == []
    harness.store.put(marker, good, JSON)
    harness.reconciler.run()
    assert harness.redis.hkeys(UNREADABLE) == []
    assert [image.id for image in own.page().images] == [f"{name}/a"]
    assert [image.id for image in catalogue.page().images] == [f"{name}/a"]
    assert [dataset.name for dataset in own.datasets()] == [name]
    assert own.register(name, [CatalogueEntry(name="b", sha256="a" * 64)])
    assert other.page().total == 0
    assert other.get_many([f"{name}/a"]) == [None]
