"""Bootstrap: equal to the scores on all images, and an interval that holds what it promises."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from ml.evaluation.measures import bootstrap
from ml.evaluation.measures.bootstrap import Measure, intervals, paired_intervals
from roadmask.errors import InvalidRequest
from roadmask.masks.scores import (
    accuracy,
    frequency_weighted_iou,
    iou_per_category,
    mean_iou,
    scores,
)

MEASURES = [accuracy, iou_per_category, mean_iou, frequency_weighted_iou]


def draw(seed: int, images: int = 30) -> np.ndarray:
    """Counts (N, 8, 8) of images of different sizes and difficulty."""
    generator = np.random.default_rng(seed)
    counts = generator.poisson(generator.gamma(2.0, 20.0, (images, 1, 1)), (images, 8, 8))
    return counts + np.eye(8, dtype=np.int64) * generator.integers(0, 900, (images, 8, 1))


def answers(generator: np.random.Generator, images: int, share: float) -> np.ndarray:
    """Counts of images of 50 pixels of category 1, each right with a chance around `share`.

    What is easy and what is hard differs from image to image, the mean chance being `share`.
    """
    right = generator.binomial(50, generator.beta(20 * share, 20 * (1 - share), images))
    counts = np.zeros((images, 8, 8), np.int64)
    counts[:, 1, 1], counts[:, 1, 2] = right, 50 - right
    return counts


@pytest.mark.parametrize("measure", MEASURES)
def test_the_value_is_the_score_of_all_images(measure: Measure) -> None:
    counts = draw(1)
    expected = scores(counts.sum(axis=0), images=30)
    by_measure: dict[Measure, object] = {
        accuracy: expected.accuracy,
        iou_per_category: [score.iou for score in expected.per_category.values()],
        mean_iou: expected.mean_iou,
        frequency_weighted_iou: expected.frequency_weighted_iou,
    }
    value, low, high = intervals(counts, measure)
    assert value.tolist() == by_measure[measure]
    assert value.shape == low.shape == high.shape
    assert ((low < value) & (value < high)).all()


def test_the_draws_of_many_images_are_never_in_memory_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = np.ones((10_000, 8, 8), np.int64)
    tracemalloc.start()
    intervals(counts, accuracy)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 30e6, "all draws are 80 MB"
    expected = intervals(draw(1), iou_per_category)
    monkeypatch.setattr(bootstrap, "DRAWS", 90)
    np.testing.assert_array_equal(intervals(draw(1), iou_per_category), expected)


def test_the_bounds_are_the_quantiles_of_images_drawn_one_by_one() -> None:
    counts = draw(2)
    generator = np.random.default_rng(3)
    drawn = [counts[generator.integers(0, 30, 30)].sum(axis=0) for _ in range(4000)]
    expected = np.quantile([scores(c, images=30).mean_iou for c in drawn], [0.05, 0.95])
    _, low, high = intervals(counts, mean_iou, resamples=4000, level=0.9)
    width = expected[1] - expected[0]
    assert [low, high] == pytest.approx(expected, abs=0.06 * width)


def test_intervals_cover_the_truth_as_often_as_their_level_says() -> None:
    generator = np.random.default_rng(4)
    repeats = 200
    covered: list[bool] = []
    changes_covered: list[bool] = []
    for seed in range(repeats):
        before, after = answers(generator, 60, 0.7), answers(generator, 60, 0.8)
        _, low, high = intervals(after, accuracy, resamples=300, seed=seed)
        covered.append(bool(low <= 0.8 <= high))
        _, low, high = paired_intervals(before, after, accuracy, resamples=300, seed=seed)
        changes_covered.append(bool(low <= 0.1 <= high))
    assert 0.9 * repeats <= sum(covered) <= 0.99 * repeats
    assert 0.9 * repeats <= sum(changes_covered) <= 0.99 * repeats


def test_more_images_and_a_lower_level_narrow_the_interval() -> None:
    def width(images: int, level: float) -> float:
        counts = answers(np.random.default_rng(6), images, 0.8)
        _, low, high = intervals(counts, accuracy, level=level)
        return float(high - low)

    assert width(30, 0.95) / width(1920, 0.95) == pytest.approx(8, rel=0.25)
    # The ratio of a normal distribution's quantiles: 1.96 / 0.674.
    assert width(500, 0.95) / width(500, 0.5) == pytest.approx(2.9, rel=0.15)


@pytest.mark.parametrize("measure", MEASURES)
def test_pairing_cancels_what_makes_an_image_hard_for_both(measure: Measure) -> None:
    before = draw(7)
    after = before + np.eye(8, dtype=np.int64)
    change, low, high = paired_intervals(before, after, measure)
    alone = intervals(before, measure)
    assert (change == measure(after.sum(axis=0)) - measure(before.sum(axis=0))).all()
    assert ((low > 0) & (low <= change) & (change <= high)).all()
    assert (high - low < 0.1 * (alone.high - alone.low)).all()


def test_an_artifact_against_itself_never_changes_and_turned_round_changes_sign() -> None:
    before, after = draw(8), draw(9)
    assert [float(x) for x in paired_intervals(before, before, mean_iou)] == [0, 0, 0]
    there, back = (paired_intervals(*p, mean_iou) for p in ((before, after), (after, before)))
    assert [there.value, there.low, there.high] == pytest.approx(
        [-back.value, -back.high, -back.low]
    )


def test_images_all_alike_leave_nothing_to_chance_and_a_seed_repeats() -> None:
    alike = np.repeat(draw(10, images=1), 5, axis=0)
    value, low, high = intervals(alike, iou_per_category)
    assert low == pytest.approx(value)
    assert high == pytest.approx(value)
    counts = draw(11)
    assert intervals(counts, mean_iou) == intervals(counts, mean_iou)
    assert intervals(counts, mean_iou) != intervals(counts, mean_iou, seed=1)


def test_a_category_that_few_images_show_has_an_interval_and_one_that_none_shows_has_none() -> None:
    counts = draw(12)
    counts[:, 3], counts[:, :, 3] = 0, 0
    counts[1:, 6], counts[1:, :, 6] = 0, 0
    value, low, high = intervals(counts, iou_per_category)
    assert np.isnan([bound[2] for bound in (value, low, high)]).all()
    # One image alone shows people: it is in a draw or not, and its score does not vary.
    assert low[5] == value[5] == high[5]
    assert np.isfinite(intervals(counts, mean_iou)).all()


def test_no_images_and_unlike_counts_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="no images"):
        intervals(draw(13)[:0], accuracy)
    with pytest.raises(InvalidRequest, match=r"\(30, 8, 8\) and \(29, 8, 8\)"):
        paired_intervals(draw(14), draw(14)[1:], accuracy)
