"""Losses by name: from truth, logits and category weights to one number.

Every loss takes `truth` (B, H, W) of category indices, `logits` float32 (B, H, W, n) and `weights`
float32 (n,). A category of weight 0 is ignored: void always has weight 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from roadmask.categories import Taxonomy
from roadmask.errors import InvalidRequest

Loss = Callable[[Any, Any, Any], Any]


def cross_entropy(truth: Any, logits: Any, weights: Any) -> Any:
    """Mean of the pixels' cross-entropy, each pixel weighted by its true category."""
    truth = tf.cast(truth, tf.int32)
    pixel_weights = tf.gather(weights, truth)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits)
    return tf.math.divide_no_nan(
        tf.reduce_sum(losses * pixel_weights), tf.reduce_sum(pixel_weights)
    )


def dice(truth: Any, logits: Any, weights: Any) -> Any:
    """One minus the mean soft Dice of the categories that are not ignored, over the whole batch.

    Source: Milletari et al., V-Net, 3DV 2016, with the plain sums in the denominator. Every
    category counts alike, however few pixels it has; `weights` only say which are ignored.
    """
    real = tf.cast(weights > 0, tf.float32)
    kept = tf.gather(real, tf.cast(truth, tf.int32))[..., None]
    said = tf.nn.softmax(logits) * kept
    true = tf.one_hot(truth, logits.shape[-1]) * kept
    both = tf.reduce_sum(said * true, (0, 1, 2))
    each = tf.reduce_sum(said + true, (0, 1, 2))
    # One pixel more, above and below: a category that nobody saw or said costs nothing.
    scores = (2 * both + 1) / (each + 1)
    return tf.reduce_sum((1 - scores) * real) / tf.reduce_sum(real)


def cross_entropy_dice(truth: Any, logits: Any, weights: Any) -> Any:
    """The sum of both: pixels are right on the whole, and rare categories are not given up."""
    return cross_entropy(truth, logits, weights) + dice(truth, logits, weights)


LOSSES: dict[str, Loss] = {
    loss.__name__: loss for loss in (cross_entropy, dice, cross_entropy_dice)
}


def find_loss(name: str) -> Loss:
    """The loss of that name. Raises `InvalidRequest`, which names those there are."""
    if name not in LOSSES:
        raise InvalidRequest(f"There is no loss {name!r}; choose from {', '.join(LOSSES)}.")
    return LOSSES[name]


def category_weights(taxonomy: Taxonomy, weights: Sequence[float] = ()) -> tuple[float, ...]:
    """Weights of all categories, void 0; `weights` are those of the real ones, all 1 if empty.

    Raises `InvalidRequest` when there are more or fewer weights than real categories.
    """
    given = tuple(weights) or (1.0,) * len(taxonomy.real)
    if len(given) != len(taxonomy.real):
        raise InvalidRequest(
            f"{len(given)} category weights for the {len(taxonomy.real)} real categories of "
            f"{taxonomy.name}: {', '.join(taxonomy.names[i] for i in taxonomy.real)}."
        )
    by_index = dict(zip(taxonomy.real, given, strict=True))
    return tuple(by_index.get(index, 0.0) for index in range(len(taxonomy)))
