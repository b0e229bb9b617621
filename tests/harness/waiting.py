"""Waits for a condition without sleeping longer than needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
"""Seconds that tests wait for an expected event. Only a failing test waits that long."""
LONGEST_PAUSE_S = 0.25
"""Longest pause between two looks at a condition, unless a caller wants a longer one."""


def wait_until(
    condition: Callable[[], T | None], seconds: float = PATIENCE_S, pause: float = 0.02
) -> T:
    """Return the value of `condition` once it is true; AssertionError when it never is.

    The pauses grow from `pause` to `LONGEST_PAUSE_S`: questions take the cores from what is waited
    for.
    """
    begun = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - begun
        assert waited < seconds, f"not true within {seconds} s: {condition}"
        time.sleep(max(pause, min(waited / 20, LONGEST_PAUSE_S)))
    return value
