"""View worker: makes training views, in a thread or in a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from threading import Thread, local

import cv2

from ml.data.augmentation import Augmentation
from ml.data.sample_views import ANY, WHOLE, SampleView
from ml.data.samples import Pair, read_pair
from ml.data.soft_labels import with_soft_labels
from ml.recipes.recipe import Recipe
from roadmask.images.layouts import Sample

_own = local()


def start_view_workers(recipe: Recipe, workers: int) -> Executor:
    """An executor for `make_view`: a thread for one worker, processes for several.

    Augmentation holds Python's lock for most of its time. So threads stop scaling at some hundred
    images per second, and they compete with the training thread.
    """
    if workers == 1:
        return ThreadPoolExecutor(1, "batches", _prepare, (recipe,))
    # A forked copy of a process that runs TensorFlow would hang.
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, spawn, _prepare_process, (recipe,))


def make_view(sample: Sample, view: SampleView) -> Pair:
    """A view of a sample: image uint8 (h, w, 3) and truth uint8 (h, w) of the recipe's crop size;
    a recipe with distillation has the soft labels with the truth, uint8 (h, w, 1 + n).

    Raises the errors of `read_pair` and `with_soft_labels`.
    """
    augmentation: Augmentation = _own.augmentation
    image, truth = read_pair(sample)
    if _own.distils:
        truth = with_soft_labels(sample, truth)
    if view.through == ANY:
        return augmentation(image, truth, view.seed)
    if view.through == WHOLE:
        return augmentation.whole(image, truth)
    return augmentation.through(view.through, image, truth, view.seed)


def _prepare(recipe: Recipe) -> None:
    # OpenCV's own threads would only fight with the training for cores.
    cv2.setNumThreads(0)
    _own.augmentation = Augmentation(recipe)
    _own.distils = recipe.distillation > 0


def _prepare_process(recipe: Recipe) -> None:
    # Ctrl-C is for the training process, which finishes its step and lets its workers go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _prepare(recipe)


def _end_with_parent() -> None:
    """End with the training process, also if it is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
