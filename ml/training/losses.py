"""Losses by name.

Every loss takes `truth` (B, H, W) of category indices, `logits` float32 (B, H, W, n) and `weights`
float32 (n,), and returns one number. A category of weight 0 is ignored. Void always has weight 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from roadmask.errors import InvalidRequest
from roadmask.masks.taxonomy import Taxonomy

Loss = Callable[[Any, Any, Any], Any]


EPSILON = 1e-7
"""Keras clips probabilities to at least this value."""
FOCUS = 2.0
"""Exponent of the focal loss; Lin et al. found 2 to be best."""


def cross_entropy(truth: Any, logits: Any, weights: Any) -> Any:
    """Mean of the pixels' cross-entropy, each pixel weighted by its true category."""
    return _pixel_mean(_surprise(truth, logits), truth, weights)


def soft_cross_entropy(soft: Any, logits: Any, weights: Any) -> Any:
    """Mean cross-entropy against soft labels uint8 (B, H, W, n), in 255ths.

    Each category of a pixel counts by its probability and its weight, so one-hot soft labels give
    `cross_entropy`.
    """
    shares = tf.cast(soft, tf.float32) * weights
    surprise = -tf.nn.log_softmax(logits)
    return tf.math.divide_no_nan(tf.reduce_sum(shares * surprise), tf.reduce_sum(shares))


def kullback_leibler(truth: Any, logits: Any, weights: Any) -> Any:
    """Mean Kullback-Leibler divergence of the predicted distribution from the one-hot truth.

    As Keras has it for a one-hot truth and softmax answers: both are clipped to `EPSILON` before
    sum p log(p / q) over the categories. The entropy of a one-hot truth is zero, so the value is
    the cross-entropy, up to the clipping: at most 1.7e-6 less for each other category, never more
    than 16.1 for a pixel. The gradients are not the same: a pixel that is given less than
    `EPSILON` for its true category pulls no more, whereas cross-entropy pulls it hardest.
    """
    predicted = tf.clip_by_value(tf.nn.softmax(logits), EPSILON, 1.0)
    true = tf.clip_by_value(tf.one_hot(truth, logits.shape[-1]), EPSILON, 1.0)
    return _pixel_mean(tf.reduce_sum(true * tf.math.log(true / predicted), -1), truth, weights)


def focal(truth: Any, logits: Any, weights: Any) -> Any:
    """Cross-entropy times (1 - p)^2, where p is the probability of the true category.

    Pixels that are already right count little. Source: Lin et al., Focal Loss for Dense Object
    Detection, ICCV 2017. `weights` are its alpha; the mean is over pixels as in `cross_entropy`.
    """
    surprise = _surprise(truth, logits)
    return _pixel_mean(tf.pow(-tf.math.expm1(-surprise), FOCUS) * surprise, truth, weights)


def dice(truth: Any, logits: Any, weights: Any) -> Any:
    """One minus the mean soft Dice of the categories that are not ignored, over the whole batch.

    Source: Milletari et al., V-Net, 3DV 2016, with plain sums in the denominator. Every category
    counts alike, however few pixels it has. `weights` only say which categories are ignored.
    """
    real = tf.cast(weights > 0, tf.float32)
    kept = tf.gather(real, tf.cast(truth, tf.int32))[..., None]
    predicted = tf.nn.softmax(logits) * kept
    true = tf.one_hot(truth, logits.shape[-1]) * kept
    both = tf.reduce_sum(predicted * true, (0, 1, 2))
    each = tf.reduce_sum(predicted + true, (0, 1, 2))
    # One pixel more in both: a category without any pixel costs nothing.
    scores = (2 * both + 1) / (each + 1)
    return tf.reduce_sum((1 - scores) * real) / tf.reduce_sum(real)


LOSSES: dict[str, Loss] = {
    loss.__name__: loss for loss in (cross_entropy, kullback_leibler, dice, focal)
}


def find_loss(name: str) -> Loss:
    """The loss of that name, or a sum of losses: `cross_entropy+dice`. Raises `InvalidRequest`,
    which lists the names.
    """
    parts = name.split("+")
    for part in parts:
        if part not in LOSSES:
            raise InvalidRequest(
                f"There is no loss {part!r}; choose from {', '.join(LOSSES)}, or join several by +."
            )
    losses = [LOSSES[part] for part in parts]
    return lambda truth, logits, weights: sum(loss(truth, logits, weights) for loss in losses)


def category_weights(taxonomy: Taxonomy, weights: Sequence[float] = ()) -> tuple[float, ...]:
    """Weights of all categories. Void has 0, the real ones have `weights`, or 1 if it is empty.

    Raises `InvalidRequest` if the number of weights differs from the number of real categories.
    """
    given = tuple(weights) or (1.0,) * len(taxonomy.real)
    if len(given) != len(taxonomy.real):
        raise InvalidRequest(
            f"{len(given)} category weights for the {len(taxonomy.real)} real categories of "
            f"{taxonomy.name}: {', '.join(taxonomy.names[i] for i in taxonomy.real)}."
        )
    by_index = dict(zip(taxonomy.real, given, strict=True))
    return tuple(by_index.get(index, 0.0) for index in range(len(taxonomy)))


def _surprise(truth: Any, logits: Any) -> Any:
    """Minus the log of the probability of each pixel's true category, float32 (B, H, W)."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(truth, tf.int32), logits)


def _pixel_mean(losses: Any, truth: Any, weights: Any) -> Any:
    """Mean of losses (B, H, W) weighted by true category; 0 where all are ignored."""
    pixel_weights = tf.gather(weights, tf.cast(truth, tf.int32))
    return tf.math.divide_no_nan(
        tf.reduce_sum(losses * pixel_weights), tf.reduce_sum(pixel_weights)
    )
