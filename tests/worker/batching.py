"""A batcher with a tiny model, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from worker.batcher import Batcher
from worker.fetch import Picture
from worker.models import Models
from worker.pace import Pace
from worker.watchdog import Watchdog

LONG_S = 1e6
"""A turn in which any number of images fits."""


def picture(value: int = 200) -> Picture:
    return Picture(np.full((4, 6, 3), value, np.uint8), (4, 6))


@contextmanager
def running(
    models: Models, watchdog: Watchdog | None = None, threads: int = 1
) -> Iterator[Batcher]:
    batcher = Batcher(models, Pace(8, turn_s=LONG_S), watchdog or Watchdog(60), threads)
    batcher.start()
    yield batcher
    batcher.stop()
