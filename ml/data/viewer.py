"""Viewer: what a data worker does, in a thread or in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from threading import Thread, local

import cv2

from ml.data.augmentation import Augmentation
from ml.data.samples import Pair, read_pair
from ml.data.views import ANY, WHOLE, View
from ml.recipes.recipe import Recipe
from roadmask.folders import Sample

_own = local()


def start_viewers(recipe: Recipe, workers: int) -> Executor:
    """Workers for `see`: one is a thread, several are processes.

    Augmentation holds Python's lock for most of its time, so threads stop gaining at some hundred
    images per second, and take turns with the thread that trains.
    """
    if workers == 1:
        return ThreadPoolExecutor(1, "batches", _prepare, (recipe,))
    # A forked copy of a process that runs TensorFlow would hang.
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, spawn, _prepare_process, (recipe,))


def see(sample: Sample, view: View) -> Pair:
    """A view of a sample: image uint8 (h, w, 3) and truth uint8 (h, w) of the recipe's crop size.

    Raises what `read_pair` raises.
    """
    augmentation: Augmentation = _own.augmentation
    image, truth = read_pair(sample)
    if view.through == ANY:
        return augmentation(image, truth, view.seed)
    if view.through == WHOLE:
        return augmentation.whole(image, truth)
    return augmentation.through(view.through, image, truth, view.seed)


def _prepare(recipe: Recipe) -> None:
    # OpenCV's own threads would only fight with the training for cores.
    cv2.setNumThreads(0)
    _own.augmentation = Augmentation(recipe)


def _prepare_process(recipe: Recipe) -> None:
    # Ctrl-C is for the training process, which finishes its step and lets its workers go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _prepare(recipe)


def _end_with_parent() -> None:
    """A killed training process must not leave its workers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
