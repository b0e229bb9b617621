"""Micro-batches: who goes first, who waits, and who fails when a batch does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from roadmask.errors import ModelFailed
from roadmask.jobs import Lane
from tests.worker.batching import picture, running
from tests.worker.brightness import (
    SKY,
    Brightness,
    Images,
    TinyArtifact,
    find,
    segment,
    sure,
)
from tests.worker.gates import Gate
from worker.models import Models


def test_what_waits_while_the_model_works_goes_together_the_interactive_first_and_alone() -> None:
    order: list[list[int]] = []
    gate = Gate()

    def note(images: Images) -> None:
        order.append([int(image[0, 0, 0]) for image in images])
        gate.pass_through()

    with running(Brightness(note).models()) as batcher:
        first = batcher.put(picture(0), TinyArtifact(), Lane.BATCH, {})
        gate.wait_for_arrival()
        batch = [batcher.put(picture(n), TinyArtifact(), Lane.BATCH, {}) for n in range(1, 10)]
        urgent = batcher.put(picture(100), TinyArtifact(), Lane.INTERACTIVE, {})
        gate.open()
        for mask in (first, urgent, *batch):
            mask.result(timeout=5)
    assert order == [[0], [100], [1, 2, 3, 4, 5, 6, 7, 8], [9]]


class Crowd:
    """How many are in the model at once; each stays until `least` were, or long enough."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._changed = threading.Condition()
        self._now = 0
        self.most = 0

    def __call__(self, images: Images) -> None:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._least, timeout=0.2)
            self._now -= 1


@pytest.mark.parametrize(("callers", "batches"), [(1, [1, 8, 3]), (3, [1] * 12)])
def test_a_model_has_its_callers_and_no_more(callers: int, batches: list[int]) -> None:
    gate, crowd = Gate(), Crowd(least=callers + 1)

    def fault(images: Images) -> None:
        gate.pass_through()
        crowd(images)

    model = Brightness(fault, callers=callers)
    with running(model.models(), threads=6) as batcher:
        values = [picture(value) for value in range(12)]
        waiting = [batcher.put(values[0], TinyArtifact(), Lane.BATCH, {})]
        gate.wait_for_arrival()
        waiting += [batcher.put(value, TinyArtifact(), Lane.BATCH, {}) for value in values[1:]]
        gate.open()
        for value, mask in zip(values, waiting, strict=True):
            np.testing.assert_array_equal(mask.result(timeout=5).mask, segment(value.pixels))
    assert crowd.most == callers
    assert model.batches == batches


@pytest.mark.parametrize(("lane", "most"), [(Lane.BATCH, 4), (Lane.INTERACTIVE, 2)])
def test_after_an_urgent_image_a_batch_leaves_room_for_another(lane: Lane, most: int) -> None:
    crowd = Crowd(least=5)
    with running(Brightness(crowd, callers=4).models(), threads=6) as batcher:
        batcher.put(picture(), TinyArtifact(), lane, {}).result(timeout=5)
        batch = [batcher.put(picture(), TinyArtifact(), Lane.BATCH, {}) for _ in range(8)]
        for mask in batch:
            mask.result(timeout=5)
    assert crowd.most == most


def test_a_busy_model_holds_up_no_other() -> None:
    gate = Gate()

    def load(artifact: TinyArtifact) -> Brightness:
        return Brightness(lambda _: gate.pass_through() if artifact.name == "slow" else None)

    with running(Models("default", find, load), threads=2) as batcher:
        slow = [batcher.put(picture(), find("slow"), Lane.INTERACTIVE, {}) for _ in range(2)]
        gate.wait_for_arrival()
        prompt = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
        assert (prompt.result(timeout=5).mask == SKY).all()
        gate.open()
        for mask in slow:
            assert (mask.result(timeout=5).mask == SKY).all()


def test_what_waits_when_the_worker_stops_is_finished() -> None:
    gate = Gate()
    with running(Brightness(lambda _: gate.pass_through()).models(), threads=3) as batcher:
        waiting = [batcher.put(picture(), TinyArtifact(), Lane.BATCH, {}) for _ in range(20)]
        gate.wait_for_arrival()
        threading.Timer(0.1, gate.open).start()
    assert all(mask.done() for mask in waiting)


def test_each_image_gets_its_own_mask() -> None:
    pictures = [picture(value) for value in (10, 240, 90, 180)]
    with running(Brightness().models()) as batcher:
        waiting = [batcher.put(p, TinyArtifact(), Lane.BATCH, {}) for p in pictures]
        for each, mask in zip(pictures, waiting, strict=True):
            np.testing.assert_array_equal(mask.result(timeout=5).mask, segment(each.pixels))


def test_images_for_different_models_do_not_share_a_batch(gate: Gate) -> None:
    loaded: dict[str, Brightness] = {}

    def load(artifact: TinyArtifact) -> Brightness:
        loaded[artifact.name] = Brightness(lambda _: gate.pass_through())
        return loaded[artifact.name]

    with running(Models("default", find, load)) as batcher:
        blocker = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
        gate.wait_for_arrival()
        names = ["brightness", "other", "other", "brightness"]
        waiting = [batcher.put(picture(), find(name), Lane.BATCH, {}) for name in names[1:]]
        gate.open()
        for mask in (blocker, *waiting):
            assert (mask.result(timeout=5).mask == SKY).all()
    assert loaded["brightness"].batches == [1, 1]
    assert loaded["other"].batches == [2]


def test_confidence_is_computed_for_those_who_ask(gate: Gate) -> None:
    model = Brightness(lambda _: gate.pass_through())
    with running(model.models()) as batcher:
        blocker = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
        gate.wait_for_arrival()
        asks = [True, True, False, True]
        waiting = [
            batcher.put(picture(90), TinyArtifact(), Lane.BATCH, {}, confidence=ask) for ask in asks
        ]
        gate.open()
        given = [prediction.result(timeout=5) for prediction in waiting]
    assert blocker.result(timeout=5).confidence is None
    assert model.batches == [1, 2, 1, 1], "who does not ask does not wait for it"
    for ask, prediction in zip(asks, given, strict=True):
        np.testing.assert_array_equal(prediction.mask, segment(picture(90).pixels))
        if ask:
            np.testing.assert_array_equal(prediction.confidence, sure(picture(90).pixels))
        else:
            assert prediction.confidence is None


def test_a_model_that_does_not_load_fails_its_image_and_no_other() -> None:
    def load(artifact: TinyArtifact) -> Brightness:
        if artifact.name == "cut":
            raise OSError("model.keras is cut off")
        return Brightness()

    with running(Models("default", find, load)) as batcher:
        with pytest.raises(ModelFailed, match="cut off"):
            batcher.put(picture(), find("cut"), Lane.BATCH, {})
        sound = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
        assert (sound.result(timeout=5).mask == SKY).all()


def test_loading_a_model_does_not_hold_up_another(gate: Gate) -> None:
    def load(artifact: TinyArtifact) -> Brightness:
        if artifact.name == "slow":
            gate.pass_through()
        return Brightness()

    with running(Models("default", find, load)) as batcher, ThreadPoolExecutor(1) as threads:
        batcher.predictor(TinyArtifact())
        late = threads.submit(batcher.put, picture(), find("slow"), Lane.INTERACTIVE, {})
        gate.wait_for_arrival()
        prompt = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
        assert (prompt.result(timeout=5).mask == SKY).all()
        assert not late.done()
        gate.open()
        assert (late.result(timeout=5).result(timeout=5).mask == SKY).all()
