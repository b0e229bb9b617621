"""Learner: a network with all that changes while it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ml.checkpoint import Variables
from ml.encoders import load_encoder
from ml.engines.keras_engine import KerasEngine
from ml.fit import Fit
from ml.losses import category_weights, find_loss
from ml.models.registry import build_network
from ml.recipes.recipe import Recipe
from ml.segmenter import Segmenter
from roadmask.categories import CITYSCAPES


class Learner:
    """Three networks of one shape: the one that learns, the running average of its weights, which
    is what is measured, and the best of these averages so far, which is what is kept.
    """

    def __init__(self, recipe: Recipe, steps_per_epoch: int, encoder: Path | None = None) -> None:
        self._recipe = recipe
        self._model = build_network(recipe.network, len(CITYSCAPES), recipe.precision)
        if encoder is not None:
            load_encoder(self._model, encoder)
        for layer in self._model.layers:
            layer.trainable = not layer.name.startswith(recipe.frozen)
        self.average = build_network(recipe.network, len(CITYSCAPES), recipe.precision)
        self.average.set_weights(self._model.get_weights())
        self._best = [tf.Variable(weight) for weight in self.average.weights]
        self._optimizer = _optimizer(recipe, recipe.epochs * steps_per_epoch)
        self._optimizer.build(self._model.trainable_variables)
        self._loss = find_loss(recipe.loss)
        self._weights = category_weights(CITYSCAPES, recipe.category_weights)
        self._step = tf.function(self._learn, autograph=False)
        self.segmenter = Segmenter(
            KerasEngine(self.average, CITYSCAPES.real), Fit(budget=recipe.budget)
        )

    def learn(self, images: NDArray[np.uint8], truths: NDArray[np.uint8]) -> Any:
        """One step on images uint8 (B, h, w, 3) and truths uint8 (B, h, w); gives the loss."""
        return self._step(tf.constant(images), tf.constant(truths))

    @property
    def learning_rate(self) -> float:
        """Of the next step, by the schedule."""
        return float(self._optimizer.learning_rate)

    def keep_best(self) -> None:
        """Remember the averaged weights as the best."""
        for kept, weight in zip(self._best, self.average.weights, strict=True):
            kept.assign(weight.value)

    def restore_best(self) -> None:
        """Go back to the best averaged weights."""
        for kept, weight in zip(self._best, self.average.weights, strict=True):
            weight.assign(kept)

    def state(self) -> dict[str, Variables]:
        """Every variable that a resumed run needs."""
        return {
            "model": self._model.variables,
            "average": self.average.variables,
            "best": self._best,
            "optimizer": self._optimizer.variables,
        }

    def _learn(self, images: Any, truths: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self._model(images, training=True)
            loss = self._loss(truths, logits, tf.constant(self._weights))
        gradients = tape.gradient(loss, self._model.trainable_variables)
        self._optimizer.apply(gradients, self._model.trainable_variables)
        self._follow()
        return loss

    def _follow(self) -> None:
        """Move the average towards the weights, faster in the first steps (Polyak averaging)."""
        step = tf.cast(self._optimizer.iterations, tf.float32)
        decay = tf.minimum(self._recipe.averaging, (1.0 + step) / (10.0 + step))
        for mean, weight in zip(self.average.weights, self._model.weights, strict=True):
            mean.assign(decay * mean + (1.0 - decay) * weight)


def _optimizer(recipe: Recipe, steps: int) -> Any:
    warmup = max(1, round(recipe.warmup * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warmup),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=recipe.weight_decay, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
