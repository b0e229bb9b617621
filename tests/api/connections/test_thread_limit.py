"""Threads that compute get fewer while the loop waits for them; threads that wait do not."""

from __future__ import annotations

import pytest

from api.connections.thread_limit import LATE_S, LEAST, MOST, next_limit


@pytest.mark.parametrize(
    ("limit", "late_s", "loop_s", "threads_s", "following"),
    [
        (MOST, 2 * LATE_S, 0.01, 0.1, MOST // 2),
        (LEAST, 2 * LATE_S, 0.01, 0.1, LEAST),
        (LEAST, 0.0, 0.01, 0.1, LEAST + 1),
        (MOST, 0.0, 0.01, 0.1, MOST),
        # The loop is late because of other processes, or because of what it does itself.
        (10, 2 * LATE_S, 0.0, 0.0, 11),
        (10, 2 * LATE_S, 0.1, 0.01, 11),
    ],
)
def test_the_next_limit(
    limit: int, late_s: float, loop_s: float, threads_s: float, following: int
) -> None:
    assert next_limit(limit, late_s, loop_s, threads_s) == following
