"""Soft scores: in closed form, against scikit-learn, and as sums in any order."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.measures.soft import SoftCounts
from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import CITYSCAPES

REAL = CITYSCAPES.real


def sample(seed: int, height: int = 12, width: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """A truth (H, W), void among it, and probabilities (7, H, W)."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 8, (height, width)).astype(np.uint8)
    planes = generator.random((7, height, width)) ** 3
    return truth, (planes / planes.sum(axis=0)).astype(np.float32)


def counted(*samples: tuple[np.ndarray, np.ndarray]) -> SoftCounts:
    counts = SoftCounts(REAL)
    for truth, probabilities in samples:
        counts.add(truth, probabilities)
    return counts


def one_hot(mask: np.ndarray) -> np.ndarray:
    planes: np.ndarray = mask == np.array(REAL)[:, None, None]
    return planes.astype(np.float32)


def test_two_pixels_in_closed_form() -> None:
    truth = np.array([[1, 7]], np.uint8)
    probabilities = np.zeros((7, 1, 2), np.float32)
    probabilities[0] = [[0.75, 0.5]]
    probabilities[6] = [[0.25, 0.5]]
    counts = counted((truth, probabilities))
    assert counts.iou == pytest.approx(1.25 / (2 + 2 - 1.25))
    assert counts.dice == pytest.approx(2 * 1.25 / 4)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_same_probability_everywhere_gives_p_over_two_minus_p(share: float) -> None:
    truth, _ = sample(0)
    probabilities = np.where(one_hot(truth) > 0, share, (1 - share) / 6).astype(np.float32)
    counts = counted((truth, probabilities))
    assert counts.iou == pytest.approx(share / (2 - share))
    assert counts.dice == pytest.approx(share)


def test_sure_answers_give_scikit_learns_pooled_jaccard_and_f1() -> None:
    from sklearn.metrics import f1_score, jaccard_score

    truth, probabilities = sample(1)
    prediction = probabilities.argmax(axis=0) + 1
    counts = counted((truth, one_hot(prediction)))
    y_true, y_pred = truth[truth > 0], prediction[truth > 0]
    assert counts.iou == pytest.approx(jaccard_score(y_true, y_pred, average="micro"))
    assert counts.dice == pytest.approx(f1_score(y_true, y_pred, average="micro"))


@pytest.mark.parametrize("seed", range(3))
def test_dice_follows_from_iou(seed: int) -> None:
    counts = counted(sample(seed))
    assert counts.iou is not None
    assert counts.dice == pytest.approx(2 * counts.iou / (1 + counts.iou))


def test_surer_right_answers_score_higher() -> None:
    truth, probabilities = sample(2)
    scored = [
        counted((truth, (1 - trust) * probabilities + trust * one_hot(truth))).iou or 0.0
        for trust in (0.0, 0.3, 0.9, 1.0)
    ]
    assert scored == sorted(scored)
    assert scored[-1] == 1


def test_void_truth_is_ignored_whatever_is_said_there() -> None:
    truth, probabilities = sample(3)
    before = counted((truth, probabilities)).iou
    probabilities[:, truth == 0] = 0.9
    assert counted((truth, probabilities)).iou == before


def test_a_category_without_a_plane_counts_as_missed() -> None:
    truth = np.array([[1, 1, 2]], np.uint8)
    counts = SoftCounts((1,))
    counts.add(truth, np.array([[[1, 1, 0]]], np.float32))
    assert counts.iou == pytest.approx(2 / 3)


def test_images_add_up_in_any_order_and_grouping() -> None:
    samples = [sample(seed, height) for seed, height in enumerate((12, 5, 20, 9))]
    at_once = (
        np.concatenate([truth for truth, _ in samples]),
        np.concatenate([probabilities for _, probabilities in samples], axis=1),
    )
    expected = counted(at_once).iou
    assert counted(*samples).iou == pytest.approx(expected, rel=1e-12)
    assert counted(*reversed(samples)).iou == pytest.approx(expected, rel=1e-12)


def test_without_a_labelled_pixel_there_is_no_score() -> None:
    truth, probabilities = sample(4)
    counts = counted((np.zeros_like(truth), probabilities))
    assert counts.iou is None
    assert counts.dice is None


def test_other_shapes_are_refused() -> None:
    truth, probabilities = sample(5)
    with pytest.raises(InvalidRequest, match=r"\(7, 12, 16\), not \(6, 12, 16\)"):
        SoftCounts(REAL).add(truth, probabilities[:6])
