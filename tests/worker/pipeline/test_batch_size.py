"""The adaptive size of micro-batches."""

from __future__ import annotations

import pytest

from worker.pipeline.batch_size import WINDOW, BatchSizer


def test_a_batch_is_minimal_until_the_first_measurement() -> None:
    assert BatchSizer(8).size == 1


@pytest.mark.parametrize(("seconds", "images"), [(0.02, 4), (0.09, 1), (0.7, 1), (0.001, 8)])
def test_a_batch_takes_about_the_target_time_and_has_at_least_one_image(
    seconds: float, images: int
) -> None:
    sizer = BatchSizer(8, target_s=0.101)
    sizer.observe(1, seconds)
    assert sizer.size == images


def test_a_batch_keeps_every_core_busy_even_beyond_the_target_time() -> None:
    sizer = BatchSizer(8, minimum=2, target_s=0.101)
    assert sizer.size == 2
    sizer.observe(1, 60.0)
    assert sizer.size == 2
    assert BatchSizer(1, minimum=64).size == 1


def test_a_stall_changes_nothing_but_a_lasting_slowdown_does() -> None:
    sizer = BatchSizer(8, target_s=0.101)
    sizer.observe(4, 0.1)
    sizer.observe(1, 60.0)
    assert sizer.size == 4
    for _ in range(WINDOW):
        sizer.observe(1, 1.0)
    assert sizer.size == 1
