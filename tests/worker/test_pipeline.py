"""One image's way: every kind of file, reuse, scores, and what is held in memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from roadmask.errors import ImageMissing, ImageUnreadable, ModelNotFound, RoadmaskError
from roadmask.jobs import Lane
from roadmask.masks import decode_mask, encode_mask
from roadmask.pixels import decode, decode_sniffed
from storage.local_store import LocalStore
from storage.manifest import ManifestItem
from storage.objects import confidence_key, image_key, mask_keys, truth_key
from tests.worker.brightness import SKY, Brightness, TinyArtifact, segment, sure
from tests.worker.gates import Gate
from tests.worker.pictures import BAD, GOOD, png
from worker.batcher import Batcher
from worker.fetch import Fetcher, PixelBudget
from worker.pace import Pace
from worker.pipeline import Pipeline
from worker.store import Masks
from worker.watchdog import Watchdog

PIXELS = 1_000_000


@pytest.fixture
def model() -> Brightness:
    return Brightness()


@pytest.fixture
def pipeline(store: LocalStore, model: Brightness) -> Iterator[Pipeline]:
    models, watchdog = model.models(), Watchdog(60)
    batcher = Batcher(models, Pace(8), watchdog, threads=2)
    batcher.start()
    yield Pipeline(models, Fetcher(store, PIXELS, 8, watchdog), batcher, Masks(store), 60)
    batcher.stop()


def put(store: LocalStore, data: bytes, truth: bytes | None = None) -> ManifestItem:
    sha256 = hashlib.sha256(data).hexdigest()
    store.put(image_key(sha256), data, "application/octet-stream")
    truth_sha256 = None
    if truth is not None:
        truth_sha256 = hashlib.sha256(truth).hexdigest()
        store.put(truth_key(truth_sha256), truth, "image/png")
    return ManifestItem(f"sha256-{sha256}", None, sha256, truth_sha256)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_every_kind_of_image_gets_the_mask_of_its_pixels(
    kind: str, apart: bool, store: LocalStore, pipeline: Pipeline
) -> None:
    pixels = decode(GOOD[kind], PIXELS)
    result, counts = pipeline.segment(put(store, GOOD[kind]), "default", Lane.BATCH, apart=apart)
    mask = decode_mask(store.get(result.mask_key))
    np.testing.assert_array_equal(mask, segment(pixels))
    assert (result.height, result.width) == pixels.shape[:2]
    assert result.shares["sky"] == pytest.approx((mask == SKY).mean())
    assert result.artifact == "brightness@1"
    assert set(result.timings_ms) == {"fetch", "decode", "infer", "encode", "store"}
    assert (result.cached, result.scores, counts) == (False, None, None)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_every_kind_of_bad_file_fails_with_its_cause(
    kind: str, apart: bool, store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    data, code = BAD[kind]
    with pytest.raises(RoadmaskError) as raised:
        pipeline.segment(put(store, data), "default", Lane.BATCH, apart=apart)
    assert raised.value.code == code
    assert model.inferred == 0


def test_bytes_that_are_gone_or_changed_fail_their_item(
    store: LocalStore, pipeline: Pipeline
) -> None:
    item = put(store, png())
    store.put(image_key(item.sha256), png(1), "application/octet-stream")
    with pytest.raises(ImageUnreadable, match="changed"):
        pipeline.segment(item, "default", Lane.BATCH)
    store.delete(image_key(item.sha256))
    with pytest.raises(ImageMissing):
        pipeline.segment(item, "default", Lane.BATCH)


@pytest.mark.parametrize("name", ["../secret", "/etc", "a/b"])
def test_a_job_cannot_name_a_folder_as_its_model(
    name: str, store: LocalStore, pipeline: Pipeline
) -> None:
    with pytest.raises(ModelNotFound):
        pipeline.segment(put(store, png()), name, Lane.BATCH)


def test_a_second_run_infers_nothing_and_reads_no_image(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    first, _ = pipeline.segment(item, "default", Lane.BATCH)
    store.delete(image_key(item.sha256))
    second, _ = pipeline.segment(item, "default", Lane.BATCH)
    assert second == first.model_copy(update={"cached": True, "timings_ms": {}})
    assert model.inferred == 1


def test_confidence_is_made_where_the_mask_has_none_and_then_kept(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    plain, _ = pipeline.segment(item, "default", Lane.BATCH)
    key = confidence_key(plain.mask_key)
    assert not store.exists(key)
    first, _ = pipeline.segment(item, "default", Lane.BATCH, confidence=True)
    assert (first.cached, first.mask_key, model.inferred) == (False, plain.mask_key, 2)
    kept = decode_mask(store.get(key)).astype(np.float64) / 255
    np.testing.assert_allclose(kept, sure(decode(png(), PIXELS)), atol=1 / 509)
    for confidence in (True, False):
        again, _ = pipeline.segment(item, "default", Lane.BATCH, confidence=confidence)
        assert (again.cached, model.inferred) == (True, 2)


def test_another_model_makes_its_own_mask(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    first, _ = pipeline.segment(item, "default", Lane.BATCH)
    other, _ = pipeline.segment(item, "other", Lane.BATCH)
    assert (other.cached, other.artifact) == (False, "other@1")
    assert other.mask_key != first.mask_key


@pytest.mark.parametrize("left", [b"{", b"", bytes(512)], ids=["cut off", "empty", "zeros"])
def test_facts_damaged_by_a_power_cut_are_made_again(
    store: LocalStore, pipeline: Pipeline, model: Brightness, left: bytes
) -> None:
    item = put(store, png())
    store.put(mask_keys(item.sha256, TinyArtifact().sha256, {}).facts, left, "application/json")
    result, _ = pipeline.segment(item, "default", Lane.BATCH)
    assert not result.cached


def test_the_same_bytes_at_the_same_time_are_inferred_once(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    with ThreadPoolExecutor(8) as threads:
        tasks = [threads.submit(pipeline.segment, item, "default", Lane.BATCH) for _ in range(8)]
        results = [task.result()[0] for task in tasks]
    assert model.inferred == 1
    assert sum(not result.cached for result in results) == 1


def test_a_truth_gives_scores_and_a_second_run_decodes_neither_mask(
    store: LocalStore, pipeline: Pipeline
) -> None:
    mask = segment(decode(png(), PIXELS))
    truth = mask.copy()
    truth[:, :12] = SKY
    item = put(store, png(), encode_mask(truth))
    result, counts = pipeline.segment(item, "default", Lane.BATCH)
    assert counts is not None
    assert counts.sum() == mask.size
    assert result.scores is not None
    assert result.scores.accuracy == pytest.approx((mask == truth).mean())

    store.delete(result.mask_key)
    store.delete(truth_key(item.truth or ""))
    again, same = pipeline.segment(item, "default", Lane.BATCH)
    np.testing.assert_array_equal(same, counts)
    assert again.scores == result.scores


def test_a_truth_that_comes_later_scores_the_mask_that_is_there(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    pipeline.segment(put(store, png()), "default", Lane.BATCH)
    truth = encode_mask(segment(decode(png(), PIXELS)))
    result, _ = pipeline.segment(put(store, png(), truth), "default", Lane.BATCH)
    assert result.cached
    assert result.scores is not None
    assert result.scores.accuracy == 1.0
    assert model.inferred == 1


@pytest.mark.parametrize("truth", [encode_mask(np.ones((2, 2), np.uint8)), b"no PNG"])
def test_a_truth_that_does_not_fit_costs_the_scores_alone(
    truth: bytes, store: LocalStore, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    result, counts = pipeline.segment(put(store, png(), truth), "default", Lane.BATCH)
    assert (result.scores, counts) == (None, None)
    assert "cannot be compared" in caplog.text


def test_decoded_pixels_are_bounded_and_a_large_image_gets_its_turn() -> None:
    budget = PixelBudget(100)
    entered: list[str] = []

    def hold(name: str, pixels: int) -> None:
        with budget.hold(pixels):
            entered.append(name)

    with budget.hold(60):
        large = threading.Thread(target=hold, args=("large", 50))
        large.start()
        large.join(0.05)
        small = threading.Thread(target=hold, args=("small", 10))
        small.start()
        small.join(0.05)
        assert entered == []
    large.join(5)
    small.join(5)
    assert entered == ["large", "small"]


def test_an_urgent_image_is_decoded_while_images_of_a_batch_fill_their_lane(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    held = png(1)

    def slow(data: bytes, *rest: Any) -> NDArray[np.uint8]:
        if data == held:
            gate.pass_through()
        return decode_sniffed(data, *rest)

    monkeypatch.setattr("worker.fetch.decode_sniffed", slow)
    # One entrance, and pixels enough for one image.
    fetcher = Fetcher(store, decode(held, PIXELS)[..., 0].size, 1, Watchdog(60))

    def fetch(data: bytes, lane: Lane) -> tuple[int, ...]:
        with ExitStack() as room:
            sha256 = hashlib.sha256(data).hexdigest()
            store.put(image_key(sha256), data, "application/octet-stream")
            picture = fetcher.fetch(sha256, lane, {}, False, room, lambda *size: size)
            return picture.pixels.shape

    with ThreadPoolExecutor(2) as threads:
        batch = threads.submit(fetch, held, Lane.BATCH)
        gate.wait_for_arrival()
        assert len(threads.submit(fetch, png(2), Lane.INTERACTIVE).result(timeout=10)) == 3
        assert not batch.done()
        gate.open()
        assert len(batch.result(timeout=10)) == 3
