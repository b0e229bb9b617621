"""Inference: the threads that run the models on micro-batches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np

from roadmask.errors import ModelFailed, ModelNotLoaded
from roadmask.masks.taxonomy import CITYSCAPES
from worker.background.watchdog import Watchdog
from worker.metrics import BATCH_IMAGES, BusyClock
from worker.models.interfaces import Artifact, Predictor
from worker.models.loaded import LoadedModels
from worker.pipeline.batch_size import BatchSizer
from worker.pipeline.fetch import DecodedImage
from worker.pipeline.image_task import ImageTask
from worker.pipeline.inference_queue import InferenceQueue, InferenceRequest, Prediction
from worker.pipeline.timings import timed

LOAD_LIMIT_FACTOR = 5
"""Loading a model may take this many times the limit of one image, because the cores are busy."""

log = logging.getLogger(__name__)


class InferenceRunner:
    """Takes micro-batches from the queue and runs their model.

    A batch that fails is run again in parts, so that only the image at fault fails. If the model
    fails on a blank image too, the model is broken (a GPU after a fault, for example), and the
    process ends.
    """

    def __init__(
        self, models: LoadedModels, batch_sizer: BatchSizer, watchdog: Watchdog, threads: int
    ) -> None:
        self._models = models
        self._batch_sizer = batch_sizer
        self._watchdog = watchdog
        self._queue = InferenceQueue(batch_sizer)
        self._busy = BusyClock()
        self._threads = [
            threading.Thread(target=self._run, name=f"inference-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Run the model on the images that wait, then end the threads."""
        self._queue.stop()
        for thread in self._threads:
            thread.join()

    def announce(self) -> AbstractContextManager[None]:
        """Announce an image that is being decoded, so that an incomplete batch waits for it."""
        return self._queue.announce()

    def predictor(self, artifact: Artifact, tasks: Sequence[ImageTask] = ()) -> Predictor:
        """The artifact's predictor, loaded in this thread for these tasks if it is not in memory.

        Inference on other models goes on meanwhile. Raises `ModelNotLoaded`.
        """
        call = f"Loading of the model {artifact.model_version}"
        try:
            with self._watchdog.watch(call, tasks, LOAD_LIMIT_FACTOR):
                return self._models.predictor(artifact)
        except Exception as error:
            log.exception("The model %s cannot be loaded", artifact.model_version)
            raise ModelNotLoaded(
                f"The model {artifact.model_version} cannot be loaded: {error!r}"
            ) from error

    def submit(
        self, task: ImageTask, predictor: Predictor, image: DecodedImage
    ) -> Future[Prediction]:
        """Queue an image; the future raises `ModelFailed` if the model fails on it.

        The task's timings get the time that its batch spent in the model, without the wait.
        """
        return self._queue.put(task, predictor, image)

    def _run(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Run one batch; False once stopped. A separate function, so that an idle thread holds no
        pixels in its local variables."""
        with self._queue.next_batch() as batch:
            now = time.perf_counter()
            for request in batch:
                request.task.timings["wait"] = round((now - request.queued_at) * 1000, 2)
            if batch:
                self._predict(batch)
            return bool(batch)

    def _predict(self, batch: Sequence[InferenceRequest]) -> None:
        predictor, first = batch[0].predictor, batch[0].task
        try:
            with timed(first.timings, "infer"):
                predictions = self._infer(predictor, batch)
        except BaseException as error:
            if len(batch) == 1:
                self._fail(batch[0], error)
                return
            size = len(batch) // 2 if _is_out_of_memory(error) else 1
            log.warning(
                "A batch of %d failed (%r); running it again by %d", len(batch), error, size
            )
            for start in range(0, len(batch), size):
                self._predict(batch[start : start + size])
        else:
            self._batch_sizer.observe(len(batch), first.timings["infer"] / 1000)
            for request, prediction in zip(batch, predictions, strict=True):
                request.task.timings["infer"] = first.timings["infer"]
                request.prediction.set_result(prediction)

    def _infer(self, predictor: Predictor, batch: Sequence[InferenceRequest]) -> list[Prediction]:
        """Predict a batch with the parameters of its first task, which all its tasks share."""
        tasks = [request.task for request in batch]
        predictor = predictor.at(tasks[0].parameters.quality)
        pixels, sizes = zip(*(request.image for request in batch), strict=True)
        BATCH_IMAGES.observe(len(tasks))
        with self._busy.running(), self._watchdog.watch("Inference", tasks):
            for task in tasks:
                task.inferring.set()
            if tasks[0].with_confidence:
                pairs = predictor.predict_with_confidence(pixels, sizes)
                predictions = [Prediction(mask, confidence) for mask, confidence in pairs]
            else:
                predictions = [Prediction(mask, None) for mask in predictor.predict(pixels, sizes)]
        for size, (mask, _) in zip(sizes, predictions, strict=True):
            if mask.shape != size or mask.dtype != np.uint8:
                raise ValueError(f"the mask is {mask.dtype} {mask.shape}, but the image is {size}")
            if mask.max() >= len(CITYSCAPES):
                raise ValueError(f"the mask holds the unknown category {mask.max()}")
        return predictions

    def _fail(self, request: InferenceRequest, error: BaseException) -> None:
        try:
            blank = DecodedImage(np.zeros((64, 64, 3), np.uint8), (64, 64))
            self._infer(request.predictor, [replace(request, image=blank)])
        except BaseException as blank_error:
            self._watchdog.abort(f"The model fails on a blank image too ({blank_error!r})")
        detail = f"The model raised {type(error).__name__} on this image: {error}"
        request.prediction.set_exception(ModelFailed(detail[:500]))


def _is_out_of_memory(error: BaseException) -> bool:
    # TensorFlow's error is recognised by its name, which spares the import.
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
