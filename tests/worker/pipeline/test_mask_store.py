"""Stored masks: what is damaged is noticed and made again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from roadmask.hashing import sha256_of
from roadmask.images.decoding import decode
from roadmask.masks.codec import encode_mask
from roadmask.masks.scores import confusion
from roadmask.schemas.jobs import Lane
from roadmask.schemas.mask_parameters import MaskParameters
from storage.jobs.manifest import ManifestItem
from storage.objects.keys import confidence_key, facts_key, truth_key
from storage.objects.local import LocalStore
from tests.harness.images.worker_images import png
from tests.harness.worker.tiny_model import Brightness, expected_mask
from tests.worker.pipeline.conftest import PIXELS
from tests.worker.pipeline.test_pipeline import model, pipeline, put, segment
from worker.background.watchdog import Watchdog
from worker.pipeline import mask_store
from worker.pipeline.image_task import ImageTask
from worker.pipeline.pipeline import Pipeline

__all__ = ["model", "pipeline"]


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[LocalStore, str], None]] = {
    "missing": lambda store, key: store.delete(key),
    "short": lambda store, key: store.put(key, store.get(key)[:-20], "image/png"),
    "flipped": lambda store, key: store.put(key, flip(store.get(key)), "image/png"),
    "empty": lambda store, key: store.put(key, b"", "image/png"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("has_hash", [True, False], ids=["facts", "facts of 951655d"])
def test_a_damaged_mask_is_made_again_and_never_taken_for_cached(
    store: LocalStore,
    pipeline: Pipeline,
    model: Brightness,
    damage: Callable[[LocalStore, str], None],
    has_hash: bool,
) -> None:
    item = put(store, png())
    first, _ = segment(pipeline, item, with_confidence=True)
    good = store.get(first.mask_key)
    assert (first.mask_sha256, first.mask_bytes) == (sha256_of(good), len(good))
    for key in (first.mask_key, confidence_key(first.mask_key)):
        if not has_hash:
            forget_hashes(store, first.mask_key)
        damage(store, key)
        assert pipeline.find(task(pipeline, item)) is None
        again, _ = segment(pipeline, item, with_confidence=True)
        assert (again.cached, store.get(again.mask_key)) == (False, good)
        assert segment(pipeline, item, with_confidence=True)[0].cached
    assert model.inferred == 3


def task(pipeline: Pipeline, item: ManifestItem) -> ImageTask:
    return pipeline.task(item, "default", Lane.BATCH, MaskParameters(), with_confidence=True)


def forget_hashes(store: LocalStore, mask_key: str) -> None:
    """Write the facts as an earlier revision did."""
    facts = json.loads(store.get(facts_key(mask_key)))
    for name in ("stored_mask", "stored_confidence", "record_format"):
        del facts[name]
    store.put(facts_key(mask_key), json.dumps(facts).encode(), "application/json")


def test_a_mask_of_an_earlier_revision_is_read_once_and_then_known(
    store: LocalStore, pipeline: Pipeline, model: Brightness, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = put(store, png())
    first, _ = segment(pipeline, item)
    forget_hashes(store, first.mask_key)
    again, _ = segment(pipeline, item)
    assert (again.cached, again.mask_sha256) == (True, first.mask_sha256)
    read: list[str] = []
    get = LocalStore.get

    def noted(own: LocalStore, key: str) -> bytes:
        read.append(key)
        return get(own, key)

    monkeypatch.setattr(LocalStore, "get", noted)
    assert segment(pipeline, item)[0].cached
    assert read == [facts_key(first.mask_key)], "a mask that is unchanged is not read"


def test_a_mask_that_was_restored_from_a_copy_is_read_once_and_is_the_same(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    first, _ = segment(pipeline, item)
    store.put(first.mask_key, store.get(first.mask_key), "image/png")
    before = store.get(facts_key(first.mask_key))
    assert segment(pipeline, item)[0].cached
    assert store.get(facts_key(first.mask_key)) != before, "its new time is known"
    assert model.inferred == 1


def test_a_mask_is_not_compared_with_a_truth_when_its_bytes_changed_in_silence(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    """Size and time are the same, as after a fault of the disk."""
    plain = put(store, png())
    first, _ = segment(pipeline, plain)
    path = store._path(first.mask_key)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(flip(path.read_bytes()))
    os.utime(path, ns=times)
    annotated = put(store, png(), encode_mask(expected_mask(decode(png(), PIXELS))))
    result, counts = segment(pipeline, annotated)
    assert (result.cached, model.inferred) == (False, 2)
    assert counts is not None


def test_a_damaged_truth_costs_the_scores_until_it_is_uploaded_again(
    store: LocalStore, pipeline: Pipeline
) -> None:
    truth = encode_mask(expected_mask(decode(png(), PIXELS)))
    item = put(store, png(), truth)
    store.put(truth_key(item.truth or ""), flip(truth), "image/png")
    assert segment(pipeline, item)[0].scores is None
    store.put(truth_key(item.truth or ""), truth, "image/png")
    assert segment(pipeline, item)[0].scores is not None


def test_encoding_and_scoring_are_watched(
    store: LocalStore, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, running, seen = Watchdog.watch, [""], []

    @contextmanager
    def told(watchdog: Watchdog, description: str, *more: Any) -> Iterator[None]:
        with watch(watchdog, description, *more):
            running.append(description)
            yield
            running.remove(description)

    def noted(call: Callable[..., Any]) -> Callable[..., Any]:
        def note(*arguments: Any) -> Any:
            seen.append(running[-1])
            return call(*arguments)

        return note

    monkeypatch.setattr(Watchdog, "watch", told)
    for call in (encode_mask, confusion):
        monkeypatch.setattr(mask_store, call.__name__, noted(call))
    item = put(store, png(), encode_mask(expected_mask(decode(png(), PIXELS))))
    assert segment(pipeline, item).confusion is not None
    assert seen == ["Encoding", "Scoring"]
