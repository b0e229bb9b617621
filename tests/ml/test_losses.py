from __future__ import annotations

import math

import numpy as np
import pytest

from ml.losses import LOSSES, category_weights, cross_entropy, find_loss
from roadmask.categories import CITYSCAPES
from roadmask.errors import InvalidRequest

EVEN = np.array(category_weights(CITYSCAPES), np.float32)
TRUTH = np.array([[[0, 1, 2, 7]]], np.uint8)


def sure_of(truth: np.ndarray, strength: float) -> np.ndarray:
    return strength * np.eye(8, dtype=np.float32)[truth]


@pytest.mark.parametrize("name", LOSSES)
def test_better_masks_cost_less(name: str) -> None:
    loss = find_loss(name)
    costs = [float(loss(TRUTH, sure_of(TRUTH, s), EVEN)) for s in (-3, 0, 3, 30)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_void_pixels_cost_nothing_whatever_is_said(name: str) -> None:
    loss, logits = find_loss(name), sure_of(TRUTH, 2.0)
    before = float(loss(TRUTH, logits, EVEN))
    logits[0, 0, 0] = np.linspace(-9, 9, 8)
    assert float(loss(TRUTH, logits, EVEN)) == before
    assert float(loss(np.zeros_like(TRUTH), logits, EVEN)) == 0


def test_cross_entropy_in_closed_form() -> None:
    weights = np.array(category_weights(CITYSCAPES, (1, 2, 1, 1, 1, 1, 5)), np.float32)
    truth = np.array([[[1, 2, 7]]])
    logits = np.zeros((1, 1, 3, 8), np.float32)
    logits[0, 0, 2, 7] = 2.0
    even, sure = math.log(8), math.log(math.e**2 + 7) - 2
    expected = (1 * even + 2 * even + 5 * sure) / 8
    assert float(cross_entropy(truth, logits, weights)) == pytest.approx(expected, rel=1e-5)


def test_category_weights_leave_void_out_and_must_be_complete() -> None:
    assert category_weights(CITYSCAPES, (1, 2, 3, 4, 5, 6, 7)) == (0, 1, 2, 3, 4, 5, 6, 7)
    with pytest.raises(InvalidRequest, match="3 category weights for the 7 real categories"):
        category_weights(CITYSCAPES, (1, 2, 3))


def test_unknown_loss_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="cross_entropy"):
        find_loss("hinge")
