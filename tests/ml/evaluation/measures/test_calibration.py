"""Calibration: in closed form, against scikit-learn, and as sums in any order."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.measures.calibration import Calibration
from roadmask.errors import InvalidRequest


def sample(
    seed: int, shape: tuple[int, int] = (60, 80), overconfidence: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, prediction and confidence: right as often as the confidence says, less the excess."""
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(0.2, 1, shape).astype(np.float32)
    prediction = generator.integers(1, 8, shape).astype(np.uint8)
    wrong = (prediction % 7 + 1).astype(np.uint8)
    right = generator.random(shape) < confidence - overconfidence
    return np.where(right, prediction, wrong), prediction, confidence


def counted(*samples: tuple[np.ndarray, np.ndarray, np.ndarray], bins: int = 15) -> Calibration:
    calibration = Calibration(bins)
    for truth, prediction, confidence in samples:
        calibration.add(truth, prediction, confidence)
    return calibration


def row(values: list[float], dtype: type) -> np.ndarray:
    return np.array([values], dtype)


def test_four_pixels_in_closed_form() -> None:
    truth = row([1, 1, 1, 1], np.uint8)
    prediction = row([1, 2, 1, 2], np.uint8)
    calibration = counted((truth, prediction, row([0.9, 0.7, 0.4, 0.3], np.float32)), bins=2)
    low, high = calibration.table
    assert (low.low, low.high, low.pixels, low.accuracy) == (0, 0.5, 2, 0.5)
    assert (high.low, high.high, high.pixels, high.accuracy) == (0.5, 1, 2, 0.5)
    assert low.confidence == pytest.approx(0.35)
    assert high.confidence == pytest.approx(0.8)
    assert calibration.error == pytest.approx(0.5 * 0.15 + 0.5 * 0.3)


def test_the_bounds_of_a_bin_belong_to_the_bin_below() -> None:
    ones = row([1, 1, 1, 1], np.uint8)
    calibration = counted((ones, ones, row([0, 0.25, 0.5, 1], np.float32)), bins=4)
    assert [part.pixels for part in calibration.table] == [2, 1, 0, 1]
    assert calibration.table[2].accuracy is None
    assert calibration.table[2].confidence is None


def test_the_table_is_scikit_learns_calibration_curve() -> None:
    from sklearn.calibration import calibration_curve

    truth, prediction, confidence = sample(1)
    accuracy, mean_confidence = calibration_curve(
        (truth == prediction).ravel(), confidence.ravel(), n_bins=15
    )
    filled = [part for part in counted((truth, prediction, confidence)).table if part.pixels]
    assert [part.accuracy for part in filled] == pytest.approx(list(accuracy))
    assert [part.confidence for part in filled] == pytest.approx(list(mean_confidence))


@pytest.mark.parametrize("excess", [0.0, 0.1, 0.2])
def test_the_error_is_by_how_much_the_network_is_too_sure(excess: float) -> None:
    calibration = counted(*(sample(seed, (300, 400), excess) for seed in range(3)))
    assert calibration.error == pytest.approx(excess, abs=0.01)


def test_void_truth_is_ignored() -> None:
    truth, prediction, confidence = sample(2)
    truth[:20] = 0
    kept = truth[20:], prediction[20:], confidence[20:]
    assert counted((truth, prediction, confidence)).table == counted(kept).table


def test_images_add_up_in_any_order_and_grouping() -> None:
    samples = [sample(seed, (height, 40)) for seed, height in enumerate((12, 5, 20, 9))]
    at_once = counted(
        (
            np.concatenate([truth for truth, _, _ in samples]),
            np.concatenate([prediction for _, prediction, _ in samples]),
            np.concatenate([confidence for _, _, confidence in samples]),
        )
    )
    for calibration in (counted(*samples), counted(*reversed(samples))):
        assert calibration.error == pytest.approx(at_once.error, rel=1e-12)
        assert [(part.pixels, part.accuracy) for part in calibration.table] == [
            (part.pixels, part.accuracy) for part in at_once.table
        ]


def test_without_a_labelled_pixel_there_is_no_error() -> None:
    truth, prediction, confidence = sample(3)
    calibration = counted((np.zeros_like(truth), prediction, confidence))
    assert calibration.error is None
    assert sum(part.pixels for part in calibration.table) == 0


def test_other_shapes_are_refused() -> None:
    truth, prediction, confidence = sample(4)
    with pytest.raises(InvalidRequest, match=r"the confidence \(59, 80\)"):
        Calibration().add(truth, prediction, confidence[1:])
