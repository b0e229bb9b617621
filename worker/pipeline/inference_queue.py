"""Images that wait for inference, and the choice of the next micro-batch."""

from __future__ import annotations

import itertools
import threading
import time
from bisect import insort
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadmask.schemas.jobs import Lane
from worker.models.interfaces import Predictor
from worker.pipeline.batch_size import BatchSizer
from worker.pipeline.fetch import DecodedImage
from worker.pipeline.image_task import ImageTask

MAX_WAIT_S = 0.005
"""How long an incomplete batch waits for images that are being decoded."""

RESERVE_S = 5.0
"""How long after an interactive image capacity is kept for the next one: somebody browses."""


class Prediction(NamedTuple):
    """The output of a model for one image."""

    mask: NDArray[np.uint8]
    """uint8 (H, W)."""
    confidence: NDArray[np.float32] | None
    """Probability of each pixel's category, float32 (H, W); None unless the task asks for it."""


@dataclass(order=True, slots=True)
class InferenceRequest:
    """A decoded image in the queue. Interactive images sort first, then in order of arrival."""

    rank: tuple[bool, int]
    task: ImageTask = field(compare=False)
    predictor: Predictor = field(compare=False)
    image: DecodedImage = field(compare=False)
    prediction: Future[Prediction] = field(compare=False, default_factory=Future)
    queued_at: float = field(compare=False, default_factory=time.perf_counter)

    @property
    def is_interactive(self) -> bool:
        return self.task.lane is Lane.INTERACTIVE

    def can_share_batch(self, other: InferenceRequest) -> bool:
        """Whether two requests of the same predictor can be in one batch."""
        if self.task.isolated or other.task.isolated:
            return self is other
        return (
            self.task.parameters == other.task.parameters
            and self.task.with_confidence == other.task.with_confidence
            and self.is_interactive == other.is_interactive
        )


class InferenceQueue:
    """A queue of images by priority, and the number of running calls of each predictor.

    Predictors that allow several concurrent calls get one image per call, so that no core idles at
    the end of a batch. Other predictors get one batch at a time, sized by `BatchSizer`. Interactive
    images never share a batch with batch images: they wait only for calls that already run.
    """

    def __init__(self, batch_sizer: BatchSizer) -> None:
        self._batch_sizer = batch_sizer
        self._waiting: list[InferenceRequest] = []
        self._running: list[Predictor] = []
        """One entry for each running call."""
        self._announced = 0
        self._last_interactive = -RESERVE_S
        self._sequence = itertools.count()
        self._stopping = False
        self._lock = threading.Lock()
        self._available = threading.Condition(self._lock)
        """Notifies a thread that waits for a batch."""
        self._arrived = threading.Condition(self._lock)
        """Notifies threads that wait for more images for their batch."""

    @contextmanager
    def announce(self) -> Iterator[None]:
        """Announce an image that is being decoded, so that an incomplete batch waits for it."""
        with self._lock:
            self._announced += 1
        try:
            yield
        finally:
            with self._lock:
                self._announced -= 1
                self._arrived.notify_all()

    def put(self, task: ImageTask, predictor: Predictor, image: DecodedImage) -> Future[Prediction]:
        """Add an image to the queue."""
        with self._lock:
            is_interactive = task.lane is Lane.INTERACTIVE
            if is_interactive:
                self._last_interactive = time.monotonic()
            rank = (not is_interactive, next(self._sequence))
            request = InferenceRequest(rank, task, predictor, image)
            insort(self._waiting, request)
            self._arrived.notify_all()
            # Only one thread: if all woke up for each image, they would contend for the GIL.
            self._available.notify()
        return request.prediction

    def stop(self) -> None:
        """Accept no more images; `next_batch` hands out the remaining ones."""
        with self._lock:
            self._stopping = True
            self._arrived.notify_all()
            self._available.notify_all()

    @contextmanager
    def next_batch(self) -> Iterator[list[InferenceRequest]]:
        """Wait for a batch: the first image whose predictor has a free call, and its companions.

        The call counts as running until the `with` block ends. The batch is empty once the queue
        is stopped and empty.
        """
        with self._lock:
            self._available.wait_for(
                lambda: self._next_predictor() or (self._stopping and not self._waiting)
            )
            predictor = self._next_predictor()
            batch = self._take(predictor) if predictor else []
        try:
            yield batch
        finally:
            with self._lock:
                if predictor:
                    self._running.remove(predictor)
                # The freed call may serve an image that another thread is waiting for.
                if self._waiting:
                    self._available.notify()
                elif self._stopping:
                    self._available.notify_all()

    def _next_predictor(self) -> Predictor | None:
        """The predictor of the first image that can be inferred now."""
        reserve_for_interactive = time.monotonic() < self._last_interactive + RESERVE_S
        for request in self._waiting:
            limit = request.predictor.max_concurrency
            if reserve_for_interactive and not request.is_interactive:
                # Half of the calls stay free for the next interactive image.
                limit = max(1, limit // 2)
            if self._running.count(request.predictor) < limit:
                return request.predictor
        return None

    def _take(self, predictor: Predictor) -> list[InferenceRequest]:
        self._running.append(predictor)
        limit = self._batch_sizer.size if predictor.max_concurrency == 1 else 1
        deadline = time.monotonic() + MAX_WAIT_S
        while self._may_grow(predictor, limit) and (left := deadline - time.monotonic()) > 0:
            self._arrived.wait(left)
        requests = self._requests_of(predictor)
        # Requests that cannot share this batch stay in the queue and come first in the next one.
        batch = list(itertools.islice(filter(requests[0].can_share_batch, requests), limit))
        for request in batch:
            self._waiting.remove(request)
        return batch

    def _may_grow(self, predictor: Predictor, limit: int) -> bool:
        """Whether waiting can add an image to the batch."""
        requests = self._requests_of(predictor)
        return (
            len(requests) < limit
            and not requests[0].is_interactive
            and self._announced > 0
            and not self._stopping
        )

    def _requests_of(self, predictor: Predictor) -> list[InferenceRequest]:
        return [request for request in self._waiting if request.predictor == predictor]
