"""One operation for batch normalisation computes what Keras' own layer does."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml.networks.batch_normalization import BatchNormalization

BATCH, HEIGHT, WIDTH, CHANNELS = 3, 24, 40, 5
COUNT = BATCH * HEIGHT * WIDTH


def a_pair(precision: str = "float32") -> tuple[Any, Any]:
    """Ours and Keras' layer with the same weights, drawn at random."""
    ours, keras_own = (
        kind(momentum=0.9, epsilon=1e-3, dtype=precision)
        for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    random = np.random.default_rng(5)
    weights = [random.uniform(0.5, 2.0, CHANNELS).astype(np.float32) for _ in range(4)]
    for layer in (ours, keras_own):
        layer.build((None, None, None, CHANNELS))
        layer.set_weights(weights)
    return ours, keras_own


def features() -> tf.Tensor:
    """float32 (3, 24, 40, 5), each channel about a mean and of a spread of its own."""
    drawn = np.random.default_rng(6).normal(size=(BATCH, HEIGHT, WIDTH, CHANNELS))
    return tf.constant(drawn * np.arange(1, 6) + np.arange(5), tf.float32)


def step(layer: Any, x: tf.Tensor) -> tuple[Any, list[Any]]:
    """What a training call gives, and the gradients of a loss that tells all values apart."""
    pull = np.random.default_rng(7).normal(size=x.shape)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * tf.constant(pull, tf.float32))
    gamma, beta = (variable.value for variable in layer.trainable_variables)
    return y, tape.gradient(loss, [x, gamma, beta])


def test_a_training_step_gives_the_values_and_gradients_of_keras() -> None:
    x = features()
    (ours, our_gradients), (theirs, their_gradients) = (step(layer, x) for layer in a_pair())
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    for mine, other in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)


def test_running_statistics_follow_the_batch_with_its_unbiased_variance() -> None:
    ours, theirs = a_pair()
    before = np.array(ours.moving_variance)
    for layer in (ours, theirs):
        layer(features(), training=True)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-4, atol=1e-5)
    batch = (np.array(theirs.moving_variance) - 0.9 * before) / 0.1
    expected = 0.9 * before + 0.1 * batch * COUNT / (COUNT - 1)
    np.testing.assert_allclose(ours.moving_variance, expected, rtol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_trained_network_answers_as_with_keras(frozen: bool) -> None:
    ours, theirs = a_pair()
    for layer in (ours, theirs):
        layer.trainable = not frozen
    x = features()
    np.testing.assert_array_equal(ours(x, training=frozen), theirs(x, training=frozen))
    assert np.array_equal(ours.moving_mean, theirs.moving_mean)


def test_bfloat16_features_are_normalised_with_float32_statistics() -> None:
    ours, _ = a_pair("mixed_bfloat16")
    (y, _), (exact, _) = step(ours, features()), step(a_pair()[0], features())
    assert y.dtype == tf.bfloat16
    assert ours.moving_mean.dtype == "float32"
    np.testing.assert_allclose(tf.cast(y, tf.float32), exact, atol=0.06)
