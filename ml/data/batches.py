"""Batches: augmented training views, streamed from disk by threads, the same for the same seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import local

import numpy as np

from ml.data.augmentation import Augmentation
from ml.data.samples import Pair, read_pair
from ml.data.views import ANY, WHOLE, View, count_views, views
from ml.recipes.recipe import Recipe
from roadmask.folders import Sample

_THREADS = 2
_AHEAD = 3
"""Batches in preparation while one is being learnt from."""


class Batches:
    """Batches of all `samples`, several data sets mixed: no more than a few are in memory.

    What sample and view stand at a position depends on the recipe's seed, the epoch and the
    position alone, so an interrupted run goes on as if nothing had happened.
    """

    def __init__(self, samples: Sequence[Sample], recipe: Recipe, workers: int = _THREADS) -> None:
        self._samples = samples
        self._recipe = recipe
        self._workers = workers
        self._thread = local()

    def __len__(self) -> int:
        """Batches in an epoch; what does not fill a batch waits for another epoch's order."""
        return max(1, count_views(self._recipe, len(self._samples)) // self._recipe.batch)

    def epoch(self, number: int, start: int = 0) -> Iterator[Pair]:
        """The batches of one epoch, counted from 1, without the first `start` ones: images uint8
        (B, h, w, 3) and truths uint8 (B, h, w)."""
        size = self._recipe.batch
        every = views(self._recipe, len(self._samples), number, len(self) * size)
        waiting: deque[Future[Pair]] = deque()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="batches")
        try:
            for view in every[start * size :]:
                waiting.append(pool.submit(self._see, view))
                if len(waiting) == _AHEAD * size:
                    yield _stack(waiting, size)
            while waiting:
                yield _stack(waiting, size)
        finally:
            pool.shutdown(cancel_futures=True)

    def _see(self, view: View) -> Pair:
        if not hasattr(self._thread, "augmentation"):
            self._thread.augmentation = Augmentation(self._recipe)
        augmentation: Augmentation = self._thread.augmentation
        image, truth = read_pair(self._samples[view.sample])
        if view.through == ANY:
            return augmentation(image, truth, view.seed)
        if view.through == WHOLE:
            return augmentation.whole(image, truth)
        return augmentation.through(view.through, image, truth, view.seed)


def _stack(waiting: deque[Future[Pair]], size: int) -> Pair:
    pairs = [waiting.popleft().result() for _ in range(size)]
    images, truths = zip(*pairs, strict=True)
    return np.stack(images), np.stack(truths)
