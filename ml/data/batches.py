"""Batches: augmented training views, streamed from disk by workers, reproducible by seed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import NamedTuple

import numpy as np

from ml.data.sample_list import SampleList
from ml.data.sample_views import SampleView, count_views, epoch_views
from ml.data.samples import Pair
from ml.data.view_worker import make_view, start_view_workers
from ml.recipes.recipe import Recipe
from roadmask.errors import InvalidRequest, RoadmaskError
from roadmask.images.layouts import Sample
from roadmask.machine import cores

_AHEAD = 3
"""Number of batches that are prepared ahead."""
_TRIES = 100
"""A run ends after this number of unreadable samples in a row: then the folder is broken, not a
file.
"""

_log = logging.getLogger(__name__)


class _Awaited(NamedTuple):
    view: SampleView
    pair: Future[Pair]


class Batches:
    """Batches of all `samples`, over mixed datasets. A few of them are in memory at a time.

    The sample and the view at a position depend on the recipe's seed, the epoch, the samples and
    the position alone, not on the number of workers. So an interrupted run resumes exactly. A
    sample that cannot be read is reported once, and another one takes its place. It is tried again
    in the next epoch, because the file may have been half written.
    """

    def __init__(
        self, samples: Sequence[Sample] | SampleList, recipe: Recipe, workers: int | None = None
    ) -> None:
        self._samples = samples
        self._recipe = recipe
        self._workers = workers or count_workers()
        self._viewers: Executor | None = None
        self._reported: set[Sample] = set()

    def __len__(self) -> int:
        """Number of batches in an epoch. An incomplete last batch is dropped."""
        return max(1, count_views(self._recipe, len(self._samples)) // self._recipe.batch)

    def epoch(self, number: int, start: int = 0) -> Iterator[Pair]:
        """The batches of an epoch (counted from 1) without the first `start` ones: images uint8 (B,
        h, w, 3) and truths uint8 (B, h, w), or (B, h, w, 1 + n) with soft labels.

        Raises `InvalidRequest` if many samples in a row cannot be read.
        """
        listed, size = self._samples, self._recipe.batch
        samples = listed.at(number) if isinstance(listed, SampleList) else listed
        every = epoch_views(self._recipe, len(samples), number, len(self) * size)
        waiting: deque[_Awaited] = deque()
        try:
            for view in islice(every, start * size, None):
                waiting.append(_Awaited(view, self._submit(samples, view)))
                if len(waiting) == _AHEAD * size:
                    yield self._stack(waiting, samples)
            while waiting:
                yield self._stack(waiting, samples)
        except BrokenProcessPool:
            raise RoadmaskError(
                "A data worker ended: out of memory, or a script that trains has no "
                "`if __name__ == '__main__'`. Train on with fewer workers; 1 needs no process."
            ) from None
        finally:
            for awaited in waiting:
                awaited.pair.cancel()

    def _submit(self, samples: Sequence[Sample], view: SampleView) -> Future[Pair]:
        self._viewers = self._viewers or start_view_workers(self._recipe, self._workers)
        return self._viewers.submit(make_view, samples[view.sample], view)

    def _stack(self, waiting: deque[_Awaited], samples: Sequence[Sample]) -> Pair:
        pairs = [self._pair(waiting.popleft(), samples) for _ in range(self._recipe.batch)]
        images, truths = zip(*pairs, strict=True)
        return np.stack(images), np.stack(truths)

    def _pair(self, awaited: _Awaited, samples: Sequence[Sample]) -> Pair:
        """The pair that a worker made, or the same view of another sample if that one is
        unreadable.
        """
        view, pair = awaited
        stand_ins = np.random.default_rng([view.sample, view.seed])
        for _ in range(_TRIES):
            try:
                return pair.result()
            except RoadmaskError as error:
                problem = error
            self._report(samples[view.sample], problem)
            view = view._replace(sample=int(stand_ins.integers(len(samples))))
            pair = self._submit(samples, view)
        raise InvalidRequest(f"{_TRIES} samples in a row could not be read. The last: {problem}")

    def _report(self, sample: Sample, problem: RoadmaskError) -> None:
        if sample not in self._reported:
            self._reported.add(sample)
            _log.warning("A sample is left out. %s", problem.detail)


def count_workers() -> int:
    """Number of data workers for this machine: a quarter of its cores. The rest is for the
    training.
    """
    return min(8, max(1, cores() // 4))
