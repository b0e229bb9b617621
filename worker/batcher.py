"""Micro-batching: the one thread that runs the models, and the queue before it."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadmask.categories import CITYSCAPES
from roadmask.errors import ModelFailed
from roadmask.jobs import Lane
from worker.fetch import Picture
from worker.models import Artifact, Models, Predictor
from worker.pace import Pace
from worker.timings import Timings, timed
from worker.watchdog import Watchdog

MAX_WAIT_S = 0.005
"""How long a batch that is not full waits for images that are being decoded."""

LOADING = 5
"""Loading a model may take so many times as long as an image: the processor is busy meanwhile."""

log = logging.getLogger(__name__)


class Prediction(NamedTuple):
    """What the model makes of an image."""

    mask: NDArray[np.uint8]
    """uint8 (H, W)."""
    confidence: NDArray[np.float32] | None
    """Probability of each pixel's category, float32 (H, W), where it was asked for."""


@dataclass(order=True, slots=True)
class Request:
    """An image waiting for its mask; interactive ones sort first, then first come, first served."""

    rank: tuple[bool, int]
    predictor: Predictor = field(compare=False)
    picture: Picture = field(compare=False)
    confidence: bool = field(compare=False)
    timings: Timings = field(compare=False)
    prediction: Future[Prediction] = field(compare=False, default_factory=Future)

    @property
    def is_urgent(self) -> bool:
        """Whether it is of the interactive lane."""
        return not self.rank[0]

    def goes_with(self, other: Request) -> bool:
        """Whether both may share a batch."""
        mine = (self.predictor, self.confidence, self.is_urgent)
        return mine == (other.predictor, other.confidence, other.is_urgent)


class Batcher:
    """Takes what is there, as much as `pace` allows, and runs the model on it.

    Urgent images share a batch with no others: nobody at a screen waits for those of a batch job
    but the ones that are in the model already.

    A batch that fails is run again in parts, so
    that only the image at fault fails. When even a blank image fails, the model itself is broken
    (a GPU after a fault, say) and no image is blamed: the process ends.
    """

    def __init__(self, models: Models, pace: Pace, watchdog: Watchdog) -> None:
        self._models = models
        self._pace = pace
        self._watchdog = watchdog
        self._waiting: list[Request] = []
        self._coming = 0
        self._arrivals = itertools.count()
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is waiting, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """An image is on its way: a batch that is not full may wait for it a little."""
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1
                self._changed.notify_all()

    def predictor(self, artifact: Artifact) -> Predictor:
        """The artifact's predictor, loaded here and now when it is not in memory.

        The inference thread goes on with other models meanwhile. Raises `ModelFailed`.
        """
        try:
            with self._watchdog.watch(f"Loading the model {artifact.name}", LOADING):
                return self._models.predictor(artifact)
        except Exception as error:
            log.exception("The model %s cannot be loaded", artifact.name)
            raise ModelFailed(f"The model {artifact.name} cannot be loaded: {error}") from error

    def put(
        self,
        picture: Picture,
        artifact: Artifact,
        lane: Lane,
        timings: Timings,
        *,
        confidence: bool = False,
    ) -> Future[Prediction]:
        """Queue an image; the future holds its prediction, or `ModelFailed`.

        `timings` gets the time that its batch took in the model; waiting for its turn is not in it.
        """
        predictor = self.predictor(artifact)
        with self._changed:
            rank = (lane is not Lane.INTERACTIVE, next(self._arrivals))
            request = Request(rank, predictor, picture, confidence, timings)
            heapq.heappush(self._waiting, request)
            self._changed.notify_all()
        return request.prediction

    def _run(self) -> None:
        while self._serve_next():
            pass

    def _serve_next(self) -> bool:
        """A function of its own, so that an idle thread holds no pixels; False once stopped."""
        batch = self._next_batch()
        if batch:
            self._predict(batch[0].predictor, batch)
        return bool(batch)

    def _next_batch(self) -> list[Request]:
        """What is there, the most urgent first, for one model and lane; empty when stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            end = time.monotonic() + MAX_WAIT_S
            while self._worth_waiting() and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            batch: list[Request] = []
            while self._waiting and len(batch) < self._pace.batch:
                if batch and not batch[0].goes_with(self._waiting[0]):
                    break
                batch.append(heapq.heappop(self._waiting))
            return batch

    def _worth_waiting(self) -> bool:
        room = 0 < len(self._waiting) < self._pace.batch
        return room and not self._waiting[0].is_urgent and self._coming > 0 and not self._stopping

    def _predict(self, predictor: Predictor, batch: Sequence[Request]) -> None:
        try:
            with timed(batch[0].timings, "infer"):
                pictures = [request.picture for request in batch]
                predictions = self._infer(predictor, pictures, batch[0].confidence)
        except BaseException as error:
            if len(batch) == 1:
                self._fail(predictor, batch[0], error)
                return
            size = len(batch) // 2 if _out_of_memory(error) else 1
            log.warning("A batch of %d failed (%r); running it by %d", len(batch), error, size)
            for start in range(0, len(batch), size):
                self._predict(predictor, batch[start : start + size])
        else:
            self._pace.note(len(batch), batch[0].timings["infer"] / 1000)
            for request, prediction in zip(batch, predictions, strict=True):
                request.timings["infer"] = batch[0].timings["infer"]
                request.prediction.set_result(prediction)

    def _infer(
        self, predictor: Predictor, pictures: Sequence[Picture], confidence: bool
    ) -> list[Prediction]:
        images, sizes = zip(*pictures, strict=True)
        with self._watchdog.watch(f"Inference on {len(images)} images"):
            if confidence:
                pairs = predictor.predict_with_confidence(images, sizes)
                predictions = [Prediction(mask, likely) for mask, likely in pairs]
            else:
                predictions = [Prediction(mask, None) for mask in predictor.predict(images, sizes)]
        for size, (mask, _) in zip(sizes, predictions, strict=True):
            if mask.shape != size or mask.dtype != np.uint8:
                raise ValueError(f"the mask is {mask.dtype} {mask.shape}, its image {size}")
            if mask.max() >= len(CITYSCAPES):
                raise ValueError(f"the mask holds index {mask.max()}")
        return predictions

    def _fail(self, predictor: Predictor, request: Request, error: BaseException) -> None:
        try:
            blank = Picture(np.zeros((64, 64, 3), np.uint8), (64, 64))
            self._infer(predictor, [blank], request.confidence)
        except BaseException as broken:
            self._watchdog.give_up(f"The model fails on a blank image too ({broken!r})")
        detail = f"The model raised {type(error).__name__} on this image: {error}"
        request.prediction.set_exception(ModelFailed(detail[:500]))


def _out_of_memory(error: BaseException) -> bool:
    """Known by its name, so that this module needs no TensorFlow."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
