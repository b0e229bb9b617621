"""Doubling is what Keras' upsampling to the nearest value does, at sizes known late or early."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml.networks.double import Double


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("sides", [(None, None), (3, 5)])
def test_each_value_stands_four_times(precision: str, sides: tuple[int | None, int | None]) -> None:
    image = keras.Input((*sides, 2))
    ours = keras.Model(image, Double(dtype=precision)(image))
    x = np.random.default_rng(3).normal(size=(2, 3, 5, 2)).astype(np.float32)
    doubled = np.array(tf.cast(ours(x), tf.float32))
    kept = np.array(tf.cast(tf.cast(x, ours.output.dtype), tf.float32))
    np.testing.assert_array_equal(doubled, kept.repeat(2, axis=1).repeat(2, axis=2))
    assert ours.output.shape[1:3] == tuple(side and 2 * side for side in sides)


def test_a_gradient_is_the_sum_over_the_four() -> None:
    x = tf.Variable(np.ones((1, 2, 2, 1), np.float32))
    pull = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(Double()(x) * pull)
    expected = pull.reshape(1, 2, 2, 2, 2, 1).sum(axis=(2, 4))
    np.testing.assert_array_equal(tape.gradient(loss, x), expected)
