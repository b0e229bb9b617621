"""Micro-batching: the threads that run the models."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager

import numpy as np

from roadmask.categories import CITYSCAPES
from roadmask.errors import ModelFailed
from roadmask.jobs import Lane
from worker.fetch import Picture
from worker.models import Artifact, Models, Predictor
from worker.pace import Pace
from worker.requests import Prediction, Request, Requests
from worker.timings import Timings, timed
from worker.watchdog import Watchdog

LOADING = 5
"""Loading a model may take so many times as long as an image: the processor is busy meanwhile."""

log = logging.getLogger(__name__)


class Batcher:
    """Takes requests in their turn and runs the model on them.

    A batch that fails is run again in parts, so that only the image at fault fails. When even a
    blank image fails, the model itself is broken (a GPU after a fault, say) and no image is blamed:
    the process ends.
    """

    def __init__(self, models: Models, pace: Pace, watchdog: Watchdog, threads: int) -> None:
        self._models = models
        self._pace = pace
        self._watchdog = watchdog
        self._requests = Requests(pace)
        self._threads = [
            threading.Thread(target=self._run, name=f"inference-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin to serve."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is waiting, then end the threads."""
        self._requests.stop()
        for thread in self._threads:
            thread.join()

    def coming(self) -> AbstractContextManager[None]:
        """An image is on its way: a batch that is not full may wait for it a little."""
        return self._requests.coming()

    def predictor(self, artifact: Artifact) -> Predictor:
        """The artifact's predictor, loaded here and now when it is not in memory.

        Inference goes on with other models meanwhile. Raises `ModelFailed`.
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

        `timings` gets the time that it, or its batch, spent in the model; waiting for its turn is
        not in it.
        """
        predictor = self.predictor(artifact)
        return self._requests.put(predictor, picture, lane, timings, confidence=confidence)

    def _run(self) -> None:
        while self._serve_next():
            pass

    def _serve_next(self) -> bool:
        """A function of its own, so that an idle thread holds no pixels; False once stopped."""
        with self._requests.turn() as batch:
            if batch:
                self._predict(batch[0].predictor, batch)
            return bool(batch)

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
