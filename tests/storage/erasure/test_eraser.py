"""One erasure that cannot be finished keeps no other from its end."""

from __future__ import annotations

import pytest
from redis import Redis

from roadmask.errors import RecordUnreadable
from roadmask.images.facts import ImageFacts
from roadmask.settings import Settings
from storage.access.caller import ANYBODY
from storage.backends import StorageBackends
from storage.catalogue.uploaded_image import UploadedImage
from storage.erasure.erasure import PENDING
from storage.jobs.keys import new_job_id
from storage.objects.keys import image_key
from storage.objects.local import LocalStore

JSON = "application/json"


@pytest.fixture
def storage(settings: Settings, redis: Redis, store: LocalStore) -> StorageBackends:
    """A service in which everything has settled at once."""
    at_once = settings.model_copy(update={"item_deadline_s": 0.0, "lease_s": 0.0001})
    return StorageBackends.build(redis, store, at_once)


def erase_an_image(storage: StorageBackends) -> str:
    """Ask for the erasure of an image; return its key in the store."""
    key = image_key("a" * 64)
    storage.store.put(key, b"bytes", "image/png")
    facts = ImageFacts("png", 8, 6, 3, 8)
    [image] = storage.catalogue.add_uploads([UploadedImage("a" * 64, facts, 5)])
    storage.eraser.image(ANYBODY, image.id)
    return key


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
        patch.setattr(type(storage.eraser), "_sweep", lambda *_: 1 / 0)
        assert storage.eraser.sweep() == 0
    assert "goes on later: ZeroDivisionError" in caplog.text
    assert storage.eraser.sweep() == 1
