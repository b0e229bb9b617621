"""Batches: augmented training views, streamed from disk by threads, the same for the same seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import local

import numpy as np

from ml.data.augmentation import Augmentation
from ml.data.samples import Pair, read_pair
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

    def __init__(self, samples: Sequence[Sample], recipe: Recipe) -> None:
        self._samples = samples
        self._recipe = recipe
        self._thread = local()

    def __len__(self) -> int:
        """Batches in an epoch; what does not fill a batch waits for another epoch's order."""
        return max(1, len(self._samples) // self._recipe.batch)

    def epoch(self, number: int) -> Iterator[Pair]:
        """The batches of one epoch: images uint8 (B, h, w, 3) and truths uint8 (B, h, w)."""
        random = np.random.default_rng([self._recipe.seed, number])
        size = self._recipe.batch
        # A data set smaller than a batch is gone through more than once.
        order = np.resize(random.permutation(len(self._samples)), len(self) * size)
        seeds = random.integers(2**31, size=len(order))
        waiting: deque[Future[Pair]] = deque()
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="batches")
        try:
            for index, seed in zip(order, seeds, strict=True):
                waiting.append(pool.submit(self._view, int(index), int(seed)))
                if len(waiting) == _AHEAD * size:
                    yield _stack(waiting, size)
            while waiting:
                yield _stack(waiting, size)
        finally:
            pool.shutdown(cancel_futures=True)

    def _view(self, index: int, seed: int) -> Pair:
        if not hasattr(self._thread, "augmentation"):
            self._thread.augmentation = Augmentation(self._recipe)
        image, truth = read_pair(self._samples[index])
        view: Pair = self._thread.augmentation(image, truth, seed)
        return view


def _stack(waiting: deque[Future[Pair]], size: int) -> Pair:
    pairs = [waiting.popleft().result() for _ in range(size)]
    images, truths = zip(*pairs, strict=True)
    return np.stack(images), np.stack(truths)
