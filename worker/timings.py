"""Where an image's time went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

Timings = dict[str, float]
"""Milliseconds by stage: `fetch`, `decode`, `infer`, `encode`, `store`."""


@contextmanager
def timed(timings: Timings, stage: str) -> Iterator[None]:
    """Note the milliseconds that the body of the `with` took."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = round((time.perf_counter() - begun) * 1000, 2)
