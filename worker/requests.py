"""Requests: images waiting for their masks, and whose turn it is."""

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

from roadmask.jobs import Lane
from worker.fetch import Picture
from worker.models import Predictor
from worker.pace import Pace
from worker.timings import Timings

MAX_WAIT_S = 0.005
"""How long a batch that is not full waits for images that are being decoded."""

ATTENTIVE_S = 5.0
"""So long after an urgent image another one is likely, of a person who looks through some."""


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
        return self.confidence == other.confidence and self.is_urgent == other.is_urgent


class Requests:
    """What waits, and which predictors are at work. Safe to share between threads.

    A predictor of several callers gives each of them one image, the next as soon as one is done:
    at no moment a core waits for a batch to end. Another gives its one caller a batch, as large as
    `pace` allows. Urgent images share it with no others: nobody at a screen waits for those of a
    batch job but the ones that are in the model already.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._waiting: list[Request] = []
        self._callers: list[Predictor] = []
        self._coming = 0
        self._urgent_at = -ATTENTIVE_S
        self._arrivals = itertools.count()
        self._stopping = False
        self._lock = threading.Lock()
        self._turns = threading.Condition(self._lock)
        """For threads without an image."""
        self._arrived = threading.Condition(self._lock)
        """For those whose batch has room."""

    @contextmanager
    def coming(self) -> Iterator[None]:
        """An image is on its way: a batch that is not full may wait for it a little."""
        with self._lock:
            self._coming += 1
        try:
            yield
        finally:
            with self._lock:
                self._coming -= 1
                self._arrived.notify_all()

    def put(
        self,
        predictor: Predictor,
        picture: Picture,
        lane: Lane,
        timings: Timings,
        *,
        confidence: bool,
    ) -> Future[Prediction]:
        """Let an image wait; the future holds its prediction."""
        with self._lock:
            if lane is Lane.INTERACTIVE:
                self._urgent_at = time.monotonic()
            rank = (lane is not Lane.INTERACTIVE, next(self._arrivals))
            request = Request(rank, predictor, picture, confidence, timings)
            insort(self._waiting, request)
            self._arrived.notify_all()
            # One thread alone: if a dozen woke up for each image, all would wait for Python's lock.
            self._turns.notify()
        return request.prediction

    def stop(self) -> None:
        """Nothing more will come."""
        with self._lock:
            self._stopping = True
            self._arrived.notify_all()
            self._turns.notify_all()

    @contextmanager
    def turn(self) -> Iterator[list[Request]]:
        """The most urgent image that a predictor is free for, and those that go with it.

        Waits for one; empty when nothing more comes. The predictor has one caller more as long as
        the `with` lasts.
        """
        with self._lock:
            self._turns.wait_for(lambda: self._next() or (self._stopping and not self._waiting))
            predictor = self._next()
            batch = self._take(predictor) if predictor else []
        try:
            yield batch
        finally:
            with self._lock:
                if predictor:
                    self._callers.remove(predictor)
                # This thread may turn to another model than the one that it has left.
                if self._waiting:
                    self._turns.notify()
                elif self._stopping:
                    self._turns.notify_all()

    def _next(self) -> Predictor | None:
        """That of the most urgent image that need not wait for other callers."""
        attentive = time.monotonic() < self._urgent_at + ATTENTIVE_S
        for request in self._waiting:
            room = request.predictor.callers
            if attentive and not request.is_urgent:
                # Half of them keep a place for those who may come.
                room = max(1, room // 2)
            if self._callers.count(request.predictor) < room:
                return request.predictor
        return None

    def _take(self, predictor: Predictor) -> list[Request]:
        self._callers.append(predictor)
        most = self._pace.batch if predictor.callers == 1 else 1
        end = time.monotonic() + MAX_WAIT_S
        while self._worth_waiting(predictor, most) and (left := end - time.monotonic()) > 0:
            self._arrived.wait(left)
        own = self._of(predictor)
        batch = list(itertools.takewhile(own[0].goes_with, own[:most]))
        for request in batch:
            self._waiting.remove(request)
        return batch

    def _worth_waiting(self, predictor: Predictor, most: int) -> bool:
        own = self._of(predictor)
        room = len(own) < most
        return room and not own[0].is_urgent and self._coming > 0 and not self._stopping

    def _of(self, predictor: Predictor) -> list[Request]:
        return [request for request in self._waiting if request.predictor == predictor]
