"""Micro-batches that fail: which images run again, and which one is at fault."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roadmask.errors import ModelFailed
from tests.harness.latch import Latch
from tests.harness.waiting import PATIENCE_S
from tests.harness.worker.inference import decoded, running_inference, submit
from tests.harness.worker.tiny_model import (
    Brightness,
    Images,
    Sizes,
    expected_mask,
)
from worker.background.watchdog import Watchdog
from worker.pipeline.inference import InferenceRunner

POISON = 7


def poisoned(images: Images) -> None:
    if any((image == POISON).all() for image in images):
        raise RuntimeError("a kernel does not like this")


def tight_memory(images: Images) -> None:
    if len(images) > 2:
        raise MemoryError("no room for so many")


def submit_together(
    inference: InferenceRunner, latch: Latch, values: list[int]
) -> list[ModelFailed | None]:
    """Outcomes of images that share a batch: the error, or None."""
    blocker = submit(inference, decoded())
    latch.wait_until_reached()
    waiting = [submit(inference, decoded(value)) for value in values]
    latch.release()
    blocker.result(PATIENCE_S)
    return [mask.exception(PATIENCE_S) for mask in waiting]  # type: ignore[misc]


def behind(latch: Latch, fault: Callable[[Images], None]) -> Callable[[Images], None]:
    """The same fault, after the latch is released."""

    def wait_and_fail(images: Images) -> None:
        latch.hold()
        fault(images)

    return wait_and_fail


def test_a_failed_batch_runs_again_one_by_one_and_only_one_image_fails(
    latch: Latch,
) -> None:
    model = Brightness(behind(latch, poisoned))
    with running_inference(model.models()) as inference:
        outcomes = submit_together(inference, latch, [200, POISON, 90])
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1], ModelFailed)
    assert "a kernel does not like this" in outcomes[1].detail
    # The blocker, the batch, its three images, and a blank one to check the model.
    assert model.batches == [1, 3, 1, 1, 1, 1]


def test_a_batch_that_runs_out_of_memory_is_halved(latch: Latch) -> None:
    model = Brightness(behind(latch, tight_memory))
    with running_inference(model.models()) as inference:
        outcomes = submit_together(inference, latch, list(range(100, 108)))
    assert outcomes == [None] * 8
    assert model.batches == [1, 8, 4, 2, 2, 4, 2, 2]


def test_a_model_that_fails_on_a_blank_image_ends_the_process_before_an_image_is_blamed() -> None:
    died = threading.Event()
    blamed_at_death: list[bool] = []

    def die() -> None:
        blamed_at_death.append(waiting.done())
        died.set()

    def broken(images: Images) -> None:
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")

    with running_inference(Brightness(broken).models(), Watchdog(60, die)) as inference:
        waiting = submit(inference, decoded())
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
def test_an_invalid_mask_fails_its_image(wrong: NDArray[np.uint8]) -> None:
    class Wrong(Brightness):
        def predict(self, images: Images, sizes: Sizes) -> list[NDArray[np.uint8]]:
            return [wrong if image.shape == (4, 6, 3) else expected_mask(image) for image in images]

    with running_inference(Wrong().models()) as inference:
        waiting = submit(inference, decoded())
        with pytest.raises(ModelFailed, match="mask"):
            waiting.result(PATIENCE_S)
