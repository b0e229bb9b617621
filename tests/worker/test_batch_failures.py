"""A micro-batch that fails: who is at fault, and who is run again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roadmask.errors import ModelFailed
from roadmask.jobs import Lane
from tests.worker.batching import picture, running
from tests.worker.brightness import (
    Brightness,
    Images,
    Sizes,
    TinyArtifact,
    segment,
)
from tests.worker.gates import Gate
from worker.batcher import Batcher
from worker.watchdog import Watchdog

POISON = 7


def poisoned(images: Images) -> None:
    if any((image == POISON).all() for image in images):
        raise RuntimeError("a kernel does not like this")


def tight_memory(images: Images) -> None:
    if len(images) > 2:
        raise MemoryError("no room for so many")


def submit_together(batcher: Batcher, gate: Gate, values: list[int]) -> list[ModelFailed | None]:
    """Outcomes of images that share a batch: the error, or None."""
    blocker = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
    gate.wait_for_arrival()
    waiting = [batcher.put(picture(value), TinyArtifact(), Lane.BATCH, {}) for value in values]
    gate.open()
    blocker.result(timeout=5)
    return [mask.exception(timeout=5) for mask in waiting]  # type: ignore[misc]


def behind(gate: Gate, fault: Callable[[Images], None]) -> Callable[[Images], None]:
    """The same fault, once the gate is open."""

    def wait_and_fail(images: Images) -> None:
        gate.pass_through()
        fault(images)

    return wait_and_fail


def test_a_failing_batch_is_run_one_by_one_and_only_the_image_at_fault_fails(gate: Gate) -> None:
    model = Brightness(behind(gate, poisoned))
    with running(model.models()) as batcher:
        outcomes = submit_together(batcher, gate, [200, POISON, 90])
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1], ModelFailed)
    assert "a kernel does not like this" in outcomes[1].detail
    # The blocker; the batch; its three images; and a blank one, to see that the model still works.
    assert model.batches == [1, 3, 1, 1, 1, 1]


def test_a_batch_that_needs_too_much_memory_is_halved(gate: Gate) -> None:
    model = Brightness(behind(gate, tight_memory))
    with running(model.models()) as batcher:
        outcomes = submit_together(batcher, gate, list(range(100, 108)))
    assert outcomes == [None] * 8
    assert model.batches == [1, 8, 4, 2, 2, 4, 2, 2]


def test_a_model_that_fails_on_everything_ends_the_process_and_blames_no_image_first() -> None:
    died = threading.Event()
    blamed_at_death: list[bool] = []

    def die() -> None:
        blamed_at_death.append(waiting.done())
        died.set()

    def broken(images: Images) -> None:
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")

    with running(Brightness(broken).models(), Watchdog(60, die)) as batcher:
        waiting = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
        assert died.wait(5)
    assert blamed_at_death == [False]


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 6), np.int64),
        np.full((4, 6), 9, np.uint8),
    ],
    ids=["shape", "dtype", "category"],
)
def test_a_mask_that_is_none_fails_its_image(wrong: NDArray[np.uint8]) -> None:
    class Wrong(Brightness):
        def predict(self, images: Images, sizes: Sizes) -> list[NDArray[np.uint8]]:
            return [wrong if image.shape == (4, 6, 3) else segment(image) for image in images]

    with running(Wrong().models()) as batcher:
        waiting = batcher.put(picture(), TinyArtifact(), Lane.BATCH, {})
        with pytest.raises(ModelFailed, match="mask"):
            waiting.result(timeout=5)
