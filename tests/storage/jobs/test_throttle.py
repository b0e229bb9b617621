"""How often who follows a job looks at it."""

from __future__ import annotations

import pytest

from storage.jobs.watching.throttle import LONGEST_PAUSE_S, PAUSE_S, SHARE, Throttle


@pytest.mark.parametrize(
    ("seconds", "ended", "left", "pause"),
    [
        (1.0, 20, 100, SHARE * 100 / 20),
        (1.0, 20, 10, PAUSE_S),
        (0.1, 100, 1000, PAUSE_S),
        (60.0, 1, 1000, LONGEST_PAUSE_S),
    ],
)
def test_a_pause_is_a_small_share_of_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, seconds: float, ended: int, left: int, pause: float
) -> None:
    clock = iter([5.0, 5.0 + seconds])
    monkeypatch.setattr("storage.jobs.watching.throttle.time.monotonic", lambda: next(clock))
    assert Throttle().pause(ended, left) == pytest.approx(pause)


def test_only_the_time_since_the_last_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 50.0, 51.0])
    monkeypatch.setattr("storage.jobs.watching.throttle.time.monotonic", lambda: next(clock))
    followed = Throttle()
    followed.pause(1, 100)
    assert followed.pause(10, 100) == pytest.approx(SHARE * 100 / 10)
