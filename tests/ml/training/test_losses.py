"""Losses, against Keras and scikit-learn, in closed form, by ordering and by their gradients."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from ml.training.losses import (
    EPSILON,
    LOSSES,
    category_weights,
    cross_entropy,
    dice,
    find_loss,
    focal,
    kullback_leibler,
    soft_cross_entropy,
)
from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import CITYSCAPES

EVEN = np.array(category_weights(CITYSCAPES), np.float32)
UNEVEN = np.array(category_weights(CITYSCAPES, (0.8, 1, 2.5, 1.3, 1, 3, 1.8)), np.float32)
TRUTH = np.array([[[0, 1, 2, 7]]], np.uint8)
NAMES = [*LOSSES, "cross_entropy+dice", "kullback_leibler+focal+dice"]
OF_PIXELS = ["cross_entropy", "kullback_leibler", "focal"]


def sure_of(truth: np.ndarray, strength: float) -> np.ndarray:
    logits: np.ndarray = strength * np.eye(8, dtype=np.float32)[truth]
    return logits


def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A truth uint8 (2, 6, 8), void among it, and logits float32 (2, 6, 8, 8)."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 8, (2, 6, 8)).astype(np.uint8)
    return truth, generator.normal(0, 2, (2, 6, 8, 8)).astype(np.float32)


def gradient(name: str, truth: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = find_loss(name)(truth, variable, weights)
    return np.asarray(tape.gradient(loss, variable))


@pytest.mark.parametrize("name", NAMES)
def test_better_masks_cost_less(name: str) -> None:
    loss = find_loss(name)
    costs = [float(loss(TRUTH, sure_of(TRUTH, s), EVEN)) for s in (-3, 0, 3, 30)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_along_the_gradient_makes_it_better(name: str) -> None:
    truth, logits = sample(1)
    loss = find_loss(name)
    step = 0.1 * gradient(name, truth, logits, UNEVEN)
    assert float(loss(truth, logits - step, UNEVEN)) < float(loss(truth, logits, UNEVEN))


@pytest.mark.parametrize("name", NAMES)
def test_void_pixels_cost_nothing_and_teach_nothing_whatever_is_said(name: str) -> None:
    truth, logits = sample(2)
    void = truth == CITYSCAPES.void
    before = float(find_loss(name)(truth, logits, UNEVEN))
    logits[void] = np.linspace(-90, 90, 8)
    assert float(find_loss(name)(truth, logits, UNEVEN)) == before
    slope = gradient(name, truth, logits, UNEVEN)
    assert (slope[void] == 0).all()
    assert (slope[~void] != 0).any(axis=-1).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_a_labelled_pixel_costs_nothing_and_teaches_nothing(name: str) -> None:
    _, logits = sample(3)
    truth = np.zeros(logits.shape[:3], np.uint8)
    assert float(find_loss(name)(truth, logits, UNEVEN)) == 0
    assert (gradient(name, truth, logits, UNEVEN) == 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strength", [-1e4, 1e4])
def test_answers_of_any_certainty_keep_loss_and_gradient_finite(name: str, strength: float) -> None:
    logits = sure_of(TRUTH, strength)
    assert np.isfinite(float(find_loss(name)(TRUTH, logits, EVEN)))
    assert np.isfinite(gradient(name, TRUTH, logits, EVEN)).all()


@pytest.mark.parametrize("weights", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_cross_entropy_is_scikit_learns_log_loss(weights: np.ndarray) -> None:
    truth, logits = sample(4)
    said = np.asarray(tf.nn.softmax(tf.constant(logits, tf.float64)))
    expected = log_loss(
        truth.ravel(), said.reshape(-1, 8), sample_weight=weights[truth].ravel(), labels=range(8)
    )
    assert float(cross_entropy(truth, logits, weights)) == pytest.approx(expected, rel=1e-5)


def test_kullback_leibler_is_that_of_keras_over_the_labelled_pixels() -> None:
    truth, logits = sample(5)
    pixels = np.asarray(
        keras.losses.kl_divergence(np.eye(8, dtype=np.float32)[truth], tf.nn.softmax(logits))
    )
    expected = pixels[truth > 0].mean()
    assert float(kullback_leibler(truth, logits, EVEN)) == pytest.approx(expected, rel=1e-5)
    expected = np.average(pixels, weights=UNEVEN[truth])
    assert float(kullback_leibler(truth, logits, UNEVEN)) == pytest.approx(expected, rel=1e-5)


def test_kullback_leibler_equals_cross_entropy_but_gives_up_what_is_hopeless() -> None:
    truth, logits = sample(6)
    surprise = float(cross_entropy(truth, logits, EVEN))
    assert float(kullback_leibler(truth, logits, EVEN)) == pytest.approx(surprise, abs=8 * 1.7e-6)
    hopeless = sure_of(TRUTH, -30.0)
    given_up = float(kullback_leibler(TRUTH, hopeless, EVEN))
    assert given_up == pytest.approx(-math.log(EPSILON), rel=1e-5)
    assert float(cross_entropy(TRUTH, hopeless, EVEN)) > 30
    assert np.abs(gradient("kullback_leibler", TRUTH, hopeless, EVEN)).max() < 1e-6
    pulls = gradient("cross_entropy", TRUTH, hopeless, EVEN)
    assert pulls[0, 0, 1, 1] == pytest.approx(-1 / 3)


def test_focal_is_that_of_keras_over_the_labelled_pixels() -> None:
    truth, logits = sample(7)
    keras_focal = keras.losses.CategoricalFocalCrossentropy(
        alpha=1.0, gamma=2.0, from_logits=True, reduction=None
    )
    pixels = np.asarray(keras_focal(np.eye(8, dtype=np.float32)[truth], logits))
    expected = np.average(pixels, weights=UNEVEN[truth])
    assert float(focal(truth, logits, UNEVEN)) == pytest.approx(expected, rel=1e-4)


def test_focal_in_closed_form() -> None:
    logits = np.zeros((1, 1, 4, 8), np.float32)
    assert float(focal(TRUTH, logits, EVEN)) == pytest.approx((7 / 8) ** 2 * math.log(8))


def test_dice_is_that_of_keras_where_one_pixel_more_weighs_nothing() -> None:
    truth = np.random.default_rng(8).integers(1, 8, (2, 96, 128)).astype(np.uint8)
    logits = np.random.default_rng(9).normal(0, 2, (*truth.shape, 8)).astype(np.float32)
    true = np.eye(8, dtype=np.float32)[truth][..., 1:]
    said = np.asarray(tf.nn.softmax(logits))[..., 1:]
    by_category = keras.losses.Dice(axis=(0, 1, 2), reduction=None)
    expected = float(np.mean(by_category(true, said)))
    assert float(dice(truth, logits, EVEN)) == pytest.approx(expected, abs=1e-3)


def test_cross_entropy_in_closed_form() -> None:
    weights = np.array(category_weights(CITYSCAPES, (1, 2, 1, 1, 1, 1, 5)), np.float32)
    truth = np.array([[[1, 2, 7]]])
    logits = np.zeros((1, 1, 3, 8), np.float32)
    logits[0, 0, 2, 7] = 2.0
    even, sure = math.log(8), math.log(math.e**2 + 7) - 2
    expected = (1 * even + 2 * even + 5 * sure) / 8
    assert float(cross_entropy(truth, logits, weights)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", OF_PIXELS)
def test_a_heavier_category_counts_more_and_pulls_harder(name: str) -> None:
    heavy = np.array(category_weights(CITYSCAPES, (1, 1, 1, 1, 1, 1, 5)), np.float32)
    logits = sure_of(TRUTH, 1.0)
    logits[0, 0, 3] *= -1
    loss = find_loss(name)
    assert float(loss(TRUTH, logits, heavy)) > float(loss(TRUTH, logits, EVEN))
    even, uneven = (np.abs(gradient(name, TRUTH, logits, w)).sum(-1)[0, 0] for w in (EVEN, heavy))
    # Weights 1, 1, 5 instead of 1, 1, 1: shares of 1/7 and 5/7 instead of 1/3.
    assert uneven / np.maximum(even, 1e-9) == pytest.approx([0, 3 / 7, 3 / 7, 15 / 7], rel=1e-4)


def test_a_sum_is_the_sum_of_its_parts() -> None:
    truth, logits = sample(10)
    expected = sum(float(loss(truth, logits, UNEVEN)) for loss in (focal, dice, kullback_leibler))
    together = find_loss("focal+dice+kullback_leibler")
    assert float(together(truth, logits, UNEVEN)) == pytest.approx(expected)


def test_category_weights_leave_void_out_and_must_be_complete() -> None:
    assert category_weights(CITYSCAPES, (1, 2, 3, 4, 5, 6, 7)) == (0, 1, 2, 3, 4, 5, 6, 7)
    with pytest.raises(InvalidRequest, match="3 category weights for the 7 real categories"):
        category_weights(CITYSCAPES, (1, 2, 3))


@pytest.mark.parametrize("name", ["hinge", "", "cross_entropy+hinge", "dice+"])
def test_unknown_loss_names_those_there_are(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cross_entropy, kullback_leibler, dice, focal"):
        find_loss(name)


def test_one_hot_soft_labels_cost_their_cross_entropy() -> None:
    truth, logits = sample(1)
    soft = np.eye(8, dtype=np.uint8)[truth] * 255
    expected = float(cross_entropy(truth, logits, UNEVEN))
    assert float(soft_cross_entropy(soft, logits, UNEVEN)) == pytest.approx(expected, rel=1e-5)


def test_soft_labels_cost_least_where_the_probabilities_are_theirs() -> None:
    shares = np.array([0, 51, 204, 0, 0, 0, 0, 0], np.uint8)
    soft = np.broadcast_to(shares, (1, 2, 2, 8))
    exact = np.log(np.maximum(shares / 255, 1e-9)).astype(np.float32)
    logits = np.broadcast_to(exact, soft.shape)
    least = float(soft_cross_entropy(soft, logits, EVEN))
    assert least == pytest.approx(-(0.2 * math.log(0.2) + 0.8 * math.log(0.8)), rel=1e-4)
    assert float(soft_cross_entropy(soft, logits * 2, EVEN)) > least
    assert float(soft_cross_entropy(soft, logits / 2, EVEN)) > least
    assert float(soft_cross_entropy(np.zeros_like(soft), logits, EVEN)) == 0
