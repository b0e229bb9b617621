"""The interval of a mean: right for independent images, wide for frames of a video."""

from __future__ import annotations

import numpy as np
import pytest

from roadmask.masks.interval import mean_interval


def test_independent_images_count_in_full() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.1, 400)
    interval = mean_interval(values)
    assert interval is not None
    assert interval.images == 400
    assert interval.effective_images > 250
    assert interval.margin == pytest.approx(1.96 * 0.1 / 20, rel=0.25)


def test_frames_of_a_video_count_for_less() -> None:
    scenes = np.random.default_rng(0).normal(0.7, 0.1, 20)
    interval = mean_interval(np.repeat(scenes, 20))
    assert interval is not None
    assert interval.effective_images < 60
    assert interval.margin > 1.5 * 1.96 * 0.1 / 20


def test_the_interval_contains_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        scenes = generator.normal(0, 1, 40)
        interval = mean_interval(np.repeat(scenes, 10))
        hits += interval is not None and abs(interval.mean) <= interval.margin
    assert hits >= 200 * 0.85


@pytest.mark.parametrize("values", [[], [0.5] * 4, list(np.linspace(0, 1, 9))])
def test_a_sample_that_tells_too_little_has_none(values: list[float]) -> None:
    assert mean_interval(np.array(values)) is None


def test_equal_values_have_no_margin() -> None:
    interval = mean_interval(np.full(8, 0.25))
    assert interval is not None
    assert (interval.mean, interval.margin) == (0.25, 0.0)
