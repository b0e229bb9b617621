"""Stored bytes are what they were when they were stored, or that is noticed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from roadmask.errors import MaskDamaged, MaskNotFound
from roadmask.schemas.jobs import Result
from storage.masks.facts import MaskFacts, StoredBytes, read_facts, read_mask, write_facts
from storage.objects.store import ObjectStore


def test_unchanged_bytes_are_not_read(every_store: ObjectStore, folder: str) -> None:
    key = f"{folder}a.png"
    every_store.put(key, b"mask", "image/png")
    stored = StoredBytes.of(every_store, key, b"mask")
    assert stored.check(every_store, key) is stored
    assert stored.check(every_store, key, read=True) == stored


@pytest.mark.parametrize("found", [b"musk", b"mas", b"", None])
def test_changed_bytes_are_noticed(
    every_store: ObjectStore, folder: str, found: bytes | None
) -> None:
    key = f"{folder}a.png"
    every_store.put(key, b"mask", "image/png")
    stored = StoredBytes.of(every_store, key, b"mask")
    if found is None:
        every_store.delete(key)
    else:
        every_store.put(key, found, "image/png")
    # S3 has times of whole seconds.
    assert stored.check(every_store, key, read=True) is None
    earlier = stored.model_copy(update={"modified": stored.modified.replace(year=2020)})
    assert earlier.check(every_store, key) is None


def test_a_copy_with_another_time_is_known_again(every_store: ObjectStore, folder: str) -> None:
    key = f"{folder}a.png"
    every_store.put(key, b"mask", "image/png")
    stored = StoredBytes.of(every_store, key, b"mask")
    earlier = stored.model_copy(update={"modified": stored.modified.replace(year=2020)})
    assert earlier.check(every_store, key) == stored


def test_a_mask_is_that_of_its_result(every_store: ObjectStore, folder: str) -> None:
    key = f"{folder}a.png"
    every_store.put(key, b"mask", "image/png")
    sha256 = StoredBytes.of(every_store, key, b"mask").sha256
    result = Result(mask_key=key, mask_sha256=sha256, width=1, height=1, shares={}, artifact="a@1")
    assert read_mask(every_store, result) == b"mask"
    older = result.model_copy(update={"mask_sha256": None})
    every_store.put(key, b"musk", "image/png")
    assert read_mask(every_store, older) == b"musk"
    with pytest.raises(MaskDamaged):
        read_mask(every_store, result)
    every_store.delete(key)
    with pytest.raises(MaskNotFound):
        read_mask(every_store, result)


@pytest.mark.parametrize("matrix", [[[1]], [[1] * 8] * 7, [[1] * 9] * 8, [[-1] * 8] * 8])
def test_facts_with_a_confusion_matrix_of_another_shape_are_damaged(
    every_store: ObjectStore, folder: str, matrix: list[list[int]]
) -> None:
    """It would be added to that of the job, which could not be read any more."""
    key, now = f"{folder}a.json", datetime.now(UTC)
    whole = MaskFacts(width=1, height=1, shares={}, artifact="a@1", made_at=now, timings_ms={})
    whole.confusions = {"a": [[1] * 8] * 8, "b": []}
    write_facts(every_store, key, whole)
    assert read_facts(every_store, key) == whole
    write_facts(every_store, key, whole.model_copy(update={"confusions": {"a": matrix}}))
    assert read_facts(every_store, key) is None
