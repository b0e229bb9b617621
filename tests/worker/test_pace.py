"""How many images share a micro-batch."""

from __future__ import annotations

import pytest

from worker.pace import REMEMBERED, Pace


def test_images_go_one_by_one_until_something_was_measured() -> None:
    assert Pace(8).batch == 1


@pytest.mark.parametrize(("seconds", "images"), [(0.02, 4), (0.09, 1), (0.7, 1), (0.001, 8)])
def test_a_batch_takes_about_a_turn_and_holds_one_image_at_least(
    seconds: float, images: int
) -> None:
    pace = Pace(8, turn_s=0.101)
    pace.note(1, seconds)
    assert pace.batch == images


def test_no_core_stays_idle_for_the_sake_of_a_short_turn() -> None:
    pace = Pace(8, least=2, turn_s=0.101)
    assert pace.batch == 2
    pace.note(1, 60.0)
    assert pace.batch == 2
    assert Pace(1, least=64).batch == 1


def test_a_stall_changes_nothing_but_a_model_that_stays_slow_does() -> None:
    pace = Pace(8, turn_s=0.101)
    pace.note(4, 0.1)
    pace.note(1, 60.0)
    assert pace.batch == 4
    for _ in range(REMEMBERED):
        pace.note(1, 1.0)
    assert pace.batch == 1
