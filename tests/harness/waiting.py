"""Waits for a condition without sleeping longer than needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
"""Seconds that tests wait for an expected event. Only a failing test waits that long."""


def wait_until(
    condition: Callable[[], T | None], seconds: float = PATIENCE_S, pause: float = 0.02
) -> T:
    """Return the value of `condition` once it is true; AssertionError when it never is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not true within {seconds} s: {condition}"
        time.sleep(pause)
    return value
