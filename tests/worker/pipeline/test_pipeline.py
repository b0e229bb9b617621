"""The pipeline: kinds of files, reuse of masks, scores, and limits on memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roadmask.errors import (
    ImageMissing,
    ImageUnreadable,
    ModelNotFound,
    RoadmaskError,
    StoreUnavailable,
)
from roadmask.images.decoding import Decoded, decode, decode_sniffed
from roadmask.masks.codec import decode_mask, encode_mask
from roadmask.schemas.jobs import Lane
from roadmask.schemas.mask_parameters import MaskParameters, Quality
from roadmask.schemas.pixels import Pixels
from roadmask.settings import Settings
from storage.jobs.manifest import ManifestItem
from storage.masks.facts import MaskFacts
from storage.objects.keys import confidence_key, image_key, mask_keys, truth_key
from storage.objects.local import LocalStore
from tests.harness.images.cases import cases
from tests.harness.images.worker_images import BAD, GOOD, encoded, png
from tests.harness.latch import Latch
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker import inference as tiny_inference
from tests.harness.worker.tiny_model import (
    SKY,
    Brightness,
    TinyArtifact,
    expected_confidence,
    expected_mask,
)
from tests.worker.pipeline.conftest import PIXELS
from worker.pipeline.batch_size import BatchSizer
from worker.pipeline.fetch import Fetcher, PixelBudget
from worker.pipeline.inference import InferenceRunner
from worker.pipeline.mask_store import MaskStore
from worker.pipeline.pipeline import Pipeline, Segmentation
from worker.pipeline.sandbox import Sandbox


@pytest.fixture
def model() -> Brightness:
    return Brightness()


@pytest.fixture
def pipeline(store: LocalStore, model: Brightness, sandbox: Sandbox) -> Iterator[Pipeline]:
    models, watchdog = model.models(), tiny_inference.harmless_watchdog()
    inference = InferenceRunner(models, BatchSizer(8), watchdog, threads=2)
    inference.start()
    fetcher = Fetcher(store, PIXELS, 8, watchdog, sandbox, lambda *_: None)
    yield Pipeline(models, fetcher, inference, MaskStore(store, lambda *_: None, watchdog), 60)
    inference.stop()


def segment(
    pipeline: Pipeline,
    item: ManifestItem,
    model: str = "default",
    quality: Quality = "standard",
    pixels: Pixels | None = None,
    **options: Any,
) -> Segmentation:
    asked = MaskParameters(quality=quality, pixels=pixels)
    return pipeline.segment(pipeline.task(item, model, Lane.BATCH, asked, **options))


def put(store: LocalStore, data: bytes, truth: bytes | None = None) -> ManifestItem:
    sha256 = hashlib.sha256(data).hexdigest()
    store.put(image_key(sha256), data, "application/octet-stream")
    truth_sha256 = None
    if truth is not None:
        truth_sha256 = hashlib.sha256(truth).hexdigest()
        store.put(truth_key(truth_sha256), truth, "image/png")
    return ManifestItem(f"sha256-{sha256}", None, sha256, truth_sha256)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("isolated", [False, True], ids=["together", "isolated"])
def test_every_kind_of_image_gets_its_mask(
    kind: str, isolated: bool, store: LocalStore, pipeline: Pipeline
) -> None:
    pixels = decode(GOOD[kind], PIXELS)
    result, counts = segment(pipeline, put(store, GOOD[kind]), isolated=isolated)
    mask = decode_mask(store.get(result.mask_key))
    np.testing.assert_array_equal(mask, expected_mask(pixels))
    assert (result.height, result.width) == pixels.shape[:2]
    assert result.shares["sky"] == pytest.approx((mask == SKY).mean())
    assert result.artifact == "brightness@1"
    assert set(result.timings_ms) == {"fetch", "decode", "wait", "infer", "encode", "store"}
    assert (result.cached, result.scores, counts) == (False, None, None)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("isolated", [False, True], ids=["together", "isolated"])
def test_every_kind_of_bad_file_fails_with_its_error_code(
    kind: str, isolated: bool, store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    data, code = BAD[kind]
    with pytest.raises(RoadmaskError) as raised:
        segment(pipeline, put(store, data), isolated=isolated)
    assert raised.value.code == code
    assert model.inferred == 0


def test_an_image_that_is_missing_or_changed_fails(store: LocalStore, pipeline: Pipeline) -> None:
    item = put(store, png())
    store.put(image_key(item.sha256), png(1), "application/octet-stream")
    with pytest.raises(ImageUnreadable, match="changed"):
        segment(pipeline, item)
    store.delete(image_key(item.sha256))
    with pytest.raises(ImageMissing):
        segment(pipeline, item)


@pytest.mark.parametrize("name", ["../secret", "/etc", "a/b"])
def test_a_job_cannot_name_a_folder_as_its_model(
    name: str, store: LocalStore, pipeline: Pipeline
) -> None:
    with pytest.raises(ModelNotFound):
        segment(pipeline, put(store, png()), name)


def test_a_second_run_infers_nothing_and_reads_no_image(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    first, _ = segment(pipeline, item)
    store.delete(image_key(item.sha256))
    second, _ = segment(pipeline, item)
    assert second == first.model_copy(update={"cached": True, "timings_ms": {}})
    assert model.inferred == 1


def test_confidence_is_added_to_a_stored_mask_and_then_reused(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    plain, _ = segment(pipeline, item)
    key = confidence_key(plain.mask_key)
    assert not store.exists(key)
    first, _ = segment(pipeline, item, with_confidence=True)
    assert (first.cached, first.mask_key, model.inferred) == (False, plain.mask_key, 2)
    kept = decode_mask(store.get(key)).astype(np.float64) / 255
    np.testing.assert_allclose(kept, expected_confidence(decode(png(), PIXELS)), atol=1 / 509)
    for with_confidence in (True, False):
        again, _ = segment(pipeline, item, with_confidence=with_confidence)
        assert (again.cached, model.inferred) == (True, 2)


def test_each_quality_has_a_mask_of_its_own(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    standard, _ = segment(pipeline, item)
    best, _ = segment(pipeline, item, quality="best")
    assert (best.cached, best.quality, standard.quality) == (False, "best", "standard")
    assert best.mask_key != standard.mask_key
    facts = store.get(best.mask_key.replace(".png", ".json"))
    assert MaskFacts.model_validate_json(facts).quality == "best"
    again, _ = segment(pipeline, item, quality="best")
    assert again == best.model_copy(update={"cached": True, "timings_ms": {}})
    assert model.inferred == 2


def test_each_meaning_of_samples_has_a_mask_of_its_own_in_a_sandbox_too(
    store: LocalStore, pipeline: Pipeline
) -> None:
    # 12 bits of which the frame uses 10, upper half black.
    samples = np.zeros((32, 48), np.uint16)
    samples[16:] = 1000
    item = put(store, encoded(Image.fromarray(samples)))
    found, _ = segment(pipeline, item)
    said, _ = segment(pipeline, item, pixels=Pixels(bits=12))
    assert (said.cached, said.pixels, found.pixels) == (False, Pixels(bits=12), None)
    assert said.mask_key != found.mask_key
    assert said.shares != found.shares
    facts = MaskFacts.model_validate_json(store.get(said.mask_key.replace(".png", ".json")))
    assert facts.pixels == Pixels(bits=12)
    again, _ = segment(pipeline, item, pixels=Pixels(bits=12))
    assert (again.cached, again.pixels) == (True, Pixels(bits=12))
    isolated, _ = segment(pipeline, item, pixels=Pixels(bits=12, curve="srgb"), isolated=True)
    assert (isolated.cached, isolated.shares) == (False, said.shares)


@pytest.mark.parametrize("isolated", [False, True])
def test_what_looks_odd_is_told_in_the_result(
    store: LocalStore, pipeline: Pipeline, isolated: bool
) -> None:
    colors = np.tile(np.array([[200, 90], [90, 30]], np.uint8), (32, 48))
    item = put(store, encoded(Image.fromarray(colors)))
    for _ in range(2):
        result, _ = segment(pipeline, item, isolated=isolated)
        assert [text.split(":")[0] for text in result.warnings] == [
            "The image looks like raw data of a colour sensor"
        ]
    said, _ = segment(pipeline, item, pixels=Pixels(cfa="RGGB"), isolated=isolated)
    assert said.warnings == []


@pytest.mark.parametrize("name", ["heic.heic", "avif.avif", "tiff_c_jpeg2000.tif"])
def test_what_the_header_does_not_bound_is_decoded_in_the_sandbox(
    store: LocalStore, pipeline: Pipeline, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("decoded in the worker")

    monkeypatch.setattr("worker.pipeline.fetch.decode_sniffed", never)
    result, _ = segment(pipeline, put(store, cases()[name]))
    assert (result.width, result.height) == (128, 96)


def test_while_masks_cannot_be_stored_each_image_is_inferred_once(
    store: LocalStore, pipeline: Pipeline, model: Brightness, settings: Settings
) -> None:
    items = [put(store, png(n)) for n in range(4)]
    masks = settings.objects_dir / "masks"
    # A file in place of the folder, since no permission stops root.
    masks.touch()
    for _ in range(3):
        for item in items[:3]:
            with pytest.raises(StoreUnavailable):
                segment(pipeline, item, with_confidence=item is items[1])
    assert model.inferred == 1, "while one mask waits, no other image is inferred"
    masks.unlink()
    results = [segment(pipeline, item)[0] for item in items]
    assert model.inferred == 4
    for item, result in zip(items, results, strict=True):
        expected = expected_mask(decode(store.get(image_key(item.sha256)), PIXELS))
        np.testing.assert_array_equal(decode_mask(store.get(result.mask_key)), expected)
        assert segment(pipeline, item)[0].cached
    assert model.inferred == 4


def test_another_model_makes_its_own_mask(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    first, _ = segment(pipeline, item)
    other, _ = segment(pipeline, item, "other")
    assert (other.cached, other.artifact) == (False, "other@1")
    assert other.mask_key != first.mask_key


@pytest.mark.parametrize("left", [b"{", b"", bytes(512)], ids=["cut off", "empty", "zeros"])
def test_damaged_facts_are_replaced(
    store: LocalStore, pipeline: Pipeline, model: Brightness, left: bytes
) -> None:
    item = put(store, png())
    store.put(mask_keys(item.sha256, TinyArtifact().sha256, {}).facts, left, "application/json")
    result, _ = segment(pipeline, item)
    assert not result.cached


def test_concurrent_tasks_with_the_same_bytes_are_inferred_once(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    item = put(store, png())
    with ThreadPoolExecutor(8) as threads:
        tasks = [threads.submit(segment, pipeline, item) for _ in range(8)]
        results = [task.result()[0] for task in tasks]
    assert model.inferred == 1
    assert sum(not result.cached for result in results) == 1


def test_a_truth_gives_scores_and_a_second_run_decodes_neither_mask(
    store: LocalStore, pipeline: Pipeline
) -> None:
    mask = expected_mask(decode(png(), PIXELS))
    truth = mask.copy()
    truth[:, :12] = SKY
    item = put(store, png(), encode_mask(truth))
    result, counts = segment(pipeline, item)
    assert counts is not None
    assert counts.sum() == mask.size
    assert result.scores is not None
    assert result.scores.accuracy == pytest.approx((mask == truth).mean())

    store.delete(truth_key(item.truth or ""))
    again, same = segment(pipeline, item)
    np.testing.assert_array_equal(same, counts)
    assert again.scores == result.scores


def test_a_later_truth_scores_the_stored_mask(
    store: LocalStore, pipeline: Pipeline, model: Brightness
) -> None:
    segment(pipeline, put(store, png()))
    truth = encode_mask(expected_mask(decode(png(), PIXELS)))
    result, _ = segment(pipeline, put(store, png(), truth))
    assert result.cached
    assert result.scores is not None
    assert result.scores.accuracy == 1.0
    assert model.inferred == 1


@pytest.mark.parametrize("truth", [encode_mask(np.ones((2, 2), np.uint8)), b"no PNG"])
def test_a_truth_that_cannot_be_compared_costs_only_the_scores(
    truth: bytes, store: LocalStore, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    result, counts = segment(pipeline, put(store, png(), truth))
    assert (result.scores, counts) == (None, None)
    assert "cannot be compared" in caplog.text


def test_the_pixel_budget_is_fair_to_large_images() -> None:
    budget = PixelBudget(100)
    entered: list[str] = []

    def hold(name: str, pixels: int) -> None:
        with budget.reserve(pixels):
            entered.append(name)

    with budget.reserve(60):
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


def test_an_interactive_image_is_decoded_while_the_batch_lane_is_full(
    store: LocalStore, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = Latch()
    held = png(1)

    def slow(data: bytes, *rest: Any) -> Decoded:
        if data == held:
            latch.hold()
        return decode_sniffed(data, *rest)

    monkeypatch.setattr("worker.pipeline.fetch.decode_sniffed", slow)
    # Room for one image at a time in each lane.
    room = decode(held, PIXELS)[..., 0].size
    watchdog = tiny_inference.harmless_watchdog()
    fetcher = Fetcher(store, room, 1, watchdog, sandbox, lambda *_: None)

    def fetch(data: bytes, lane: Lane) -> tuple[int, ...]:
        task = tiny_inference.task(put(store, data).sha256, lane)
        with task.reservation:
            return fetcher.fetch(task, lambda *size: size).pixels.shape

    with ThreadPoolExecutor(2) as threads:
        batch = threads.submit(fetch, held, Lane.BATCH)
        latch.wait_until_reached()
        assert len(threads.submit(fetch, png(2), Lane.INTERACTIVE).result(PATIENCE_S)) == 3
        assert not batch.done()
        latch.release()
        assert len(batch.result(PATIENCE_S)) == 3
