"""How long each stage of an image took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

Timings = dict[str, float]
"""Milliseconds by stage: `fetch`, `decode`, `wait` (for the model), `infer`, `encode`, `store`."""


@contextmanager
def timed(timings: Timings, stage: str) -> Iterator[None]:
    """Set `timings[stage]` to the milliseconds spent inside the `with` block."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = round((time.perf_counter() - start) * 1000, 2)
