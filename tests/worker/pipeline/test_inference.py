"""Micro-batches: priority, concurrency, and several models."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from roadmask.errors import ModelNotLoaded
from roadmask.schemas.jobs import Lane
from roadmask.schemas.mask_parameters import Quality
from tests.harness.latch import Latch
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker.inference import decoded, running_inference, submit
from tests.harness.worker.tiny_model import (
    SKY,
    Brightness,
    Images,
    TinyArtifact,
    expected_confidence,
    expected_mask,
    find,
    models_loaded_by,
)


def test_waiting_images_share_a_batch_and_an_interactive_one_goes_first_and_alone() -> None:
    order: list[list[int]] = []
    latch = Latch()

    def record(images: Images) -> None:
        order.append([int(image[0, 0, 0]) for image in images])
        latch.hold()

    with running_inference(Brightness(record).models()) as inference:
        first = submit(inference, decoded(0))
        latch.wait_until_reached()
        batch = [submit(inference, decoded(n)) for n in range(1, 10)]
        interactive = submit(inference, decoded(100), Lane.INTERACTIVE)
        latch.release()
        for mask in (first, interactive, *batch):
            mask.result(PATIENCE_S)
    assert order == [[0], [100], [1, 2, 3, 4, 5, 6, 7, 8], [9]]


class ConcurrencyProbe:
    """Counts concurrent calls.

    Each call waits until `expected` run at once, and 0.2 s longer in case that there are more.
    """

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self._changed = threading.Condition()
        self._now = 0
        self.most = 0

    def __call__(self, images: Images) -> None:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self.most >= self.expected, PATIENCE_S)
            self._changed.wait_for(lambda: self.most > self.expected, timeout=0.2)
            self._now -= 1


@pytest.mark.parametrize(("concurrency", "batches"), [(1, [1, 8, 3]), (3, [1] * 12)])
def test_a_model_gets_as_many_calls_at_once_as_it_allows(
    concurrency: int, batches: list[int]
) -> None:
    latch, probe = Latch(), ConcurrencyProbe(expected=concurrency)

    def fault(images: Images) -> None:
        latch.hold()
        probe(images)

    model = Brightness(fault, max_concurrency=concurrency)
    with running_inference(model.models(), threads=6) as inference:
        images = [decoded(value) for value in range(12)]
        waiting = [submit(inference, images[0])]
        latch.wait_until_reached()
        waiting += [submit(inference, image) for image in images[1:]]
        latch.release()
        for image, mask in zip(images, waiting, strict=True):
            np.testing.assert_array_equal(mask.result(PATIENCE_S).mask, expected_mask(image.pixels))
    assert probe.most == concurrency
    assert model.batches == batches


@pytest.mark.parametrize(("lane", "most"), [(Lane.BATCH, 4), (Lane.INTERACTIVE, 2)])
def test_after_an_interactive_image_half_of_the_calls_stay_free(lane: Lane, most: int) -> None:
    probe = ConcurrencyProbe(expected=1)
    with running_inference(Brightness(probe, max_concurrency=4).models(), threads=6) as inference:
        submit(inference, decoded(), lane).result(PATIENCE_S)
        probe.expected = most
        batch = [submit(inference, decoded()) for _ in range(8)]
        for mask in batch:
            mask.result(PATIENCE_S)
    assert probe.most == most


def test_a_busy_model_does_not_delay_another() -> None:
    latch = Latch()

    def load(artifact: TinyArtifact) -> Brightness:
        return Brightness(lambda _: latch.hold() if artifact.name == "slow" else None)

    with running_inference(models_loaded_by(load), threads=2) as inference:
        slow = [submit(inference, decoded(), Lane.INTERACTIVE, find("slow")) for _ in range(2)]
        latch.wait_until_reached()
        other = submit(inference, decoded())
        assert (other.result(PATIENCE_S).mask == SKY).all()
        latch.release()
        for mask in slow:
            assert (mask.result(PATIENCE_S).mask == SKY).all()


def test_waiting_images_are_inferred_before_the_threads_stop() -> None:
    latch = Latch()
    with running_inference(Brightness(lambda _: latch.hold()).models(), threads=3) as inference:
        waiting = [submit(inference, decoded()) for _ in range(20)]
        latch.wait_until_reached()
        threading.Timer(0.1, latch.release).start()
    assert all(mask.done() for mask in waiting)


def test_each_image_gets_its_own_mask() -> None:
    images = [decoded(value) for value in (10, 240, 90, 180)]
    with running_inference(Brightness().models()) as inference:
        waiting = [submit(inference, image) for image in images]
        for image, mask in zip(images, waiting, strict=True):
            np.testing.assert_array_equal(mask.result(PATIENCE_S).mask, expected_mask(image.pixels))


def test_images_for_different_models_do_not_share_a_batch(latch: Latch) -> None:
    loaded: dict[str, Brightness] = {}

    def load(artifact: TinyArtifact) -> Brightness:
        loaded[artifact.name] = Brightness(lambda _: latch.hold())
        return loaded[artifact.name]

    with running_inference(models_loaded_by(load)) as inference:
        blocker = submit(inference, decoded())
        latch.wait_until_reached()
        names = ["brightness", "other", "other", "brightness"]
        waiting = [submit(inference, decoded(), Lane.BATCH, find(name)) for name in names[1:]]
        latch.release()
        for mask in (blocker, *waiting):
            assert (mask.result(PATIENCE_S).mask == SKY).all()
    assert loaded["brightness"].batches == [1, 1]
    assert loaded["other"].batches == [2]


def test_confidence_is_computed_only_for_tasks_that_ask_for_it(latch: Latch) -> None:
    model = Brightness(lambda _: latch.hold())
    with running_inference(model.models()) as inference:
        blocker = submit(inference, decoded())
        latch.wait_until_reached()
        asks = [True, True, False, True]
        waiting = [submit(inference, decoded(90), with_confidence=ask) for ask in asks]
        latch.release()
        given = [prediction.result(PATIENCE_S) for prediction in waiting]
    assert blocker.result(PATIENCE_S).confidence is None
    assert model.batches == [1, 3, 1], "a task without confidence is in a batch of its own"
    for ask, prediction in zip(asks, given, strict=True):
        np.testing.assert_array_equal(prediction.mask, expected_mask(decoded(90).pixels))
        if ask:
            np.testing.assert_array_equal(
                prediction.confidence, expected_confidence(decoded(90).pixels)
            )
        else:
            assert prediction.confidence is None


def test_a_micro_batch_has_one_quality(latch: Latch) -> None:
    model = Brightness(lambda _: latch.hold())
    qualities: list[Quality] = ["standard", "best", "fast", "best", "standard", "best"]
    with running_inference(model.models()) as inference:
        blocker = submit(inference, decoded())
        latch.wait_until_reached()
        waiting = [submit(inference, decoded(), quality=quality) for quality in qualities]
        latch.release()
        for mask in (blocker, *waiting):
            assert (mask.result(PATIENCE_S).mask == SKY).all()
    assert model.batches == [1, 2, 3, 1]
    assert model.qualities == ["standard", "standard", "best", "fast"]


def test_a_model_that_does_not_load_fails_only_its_own_images() -> None:
    def load(artifact: TinyArtifact) -> Brightness:
        if artifact.name == "cut":
            raise OSError("model.keras is cut off")
        return Brightness()

    with running_inference(models_loaded_by(load)) as inference:
        with pytest.raises(ModelNotLoaded, match="cut off"):
            submit(inference, decoded(), Lane.BATCH, find("cut"))
        other = submit(inference, decoded())
        assert (other.result(PATIENCE_S).mask == SKY).all()


def test_loading_a_model_does_not_delay_another(latch: Latch) -> None:
    def load(artifact: TinyArtifact) -> Brightness:
        if artifact.name == "slow":
            latch.hold()
        return Brightness()

    with running_inference(models_loaded_by(load)) as inference, ThreadPoolExecutor(1) as threads:
        inference.predictor(TinyArtifact())
        late = threads.submit(submit, inference, decoded(), Lane.INTERACTIVE, find("slow"))
        latch.wait_until_reached()
        other = submit(inference, decoded())
        assert (other.result(PATIENCE_S).mask == SKY).all()
        assert not late.done()
        latch.release()
        assert (late.result(PATIENCE_S).result(PATIENCE_S).mask == SKY).all()
