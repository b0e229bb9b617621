"""How often who follows a job looks at it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from storage.jobs.watching import throttle
from storage.jobs.watching.throttle import LONGEST_PAUSE_S, PAUSE_S, SHARE, Throttle


def set_clock(monkeypatch: pytest.MonkeyPatch, *moments: float) -> None:
    """Give the throttle these times, and no other thread."""
    clock = iter(moments)
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: next(clock)))


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
    set_clock(monkeypatch, 5.0, 5.0 + seconds)
    assert Throttle().pause(ended, left) == pytest.approx(pause)


def test_only_the_time_since_the_last_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 0.0, 50.0, 51.0)
    followed = Throttle()
    followed.pause(1, 100)
    assert followed.pause(10, 100) == pytest.approx(SHARE * 100 / 10)
