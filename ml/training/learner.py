"""Learner: a network with all the state of its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ml.engines.keras_engine import KerasEngine
from ml.inference.segmenter import Segmenter
from ml.networks.registry import build_network
from ml.recipes.recipe import Recipe
from ml.registry.artifact import Artifact
from ml.registry.input_size import InputSize
from ml.training.checkpoint import Variables
from ml.training.encoders import load_base_model, load_encoder
from ml.training.losses import category_weights, find_loss, soft_cross_entropy
from roadmask.masks.taxonomy import CITYSCAPES


class Learner:
    """Three copies of one network: the one that is trained, the running average of its weights,
    which is measured, and the best average so far, which is kept.
    """

    def __init__(
        self,
        recipe: Recipe,
        steps_per_epoch: int,
        encoder: Path | None = None,
        base_model: Artifact | None = None,
    ) -> None:
        self._recipe = recipe
        self._model = build_network(recipe.network, len(CITYSCAPES), recipe.precision)
        if base_model is not None:
            load_base_model(self._model, base_model)
        elif encoder is not None:
            load_encoder(self._model, encoder)
        for layer in self._model.layers:
            layer.trainable = not layer.name.startswith(recipe.frozen)
        self.average = build_network(recipe.network, len(CITYSCAPES), recipe.precision)
        self.average.set_weights(self._model.get_weights())
        self._best = [tf.Variable(weight) for weight in self.average.weights]
        self._groups = _groups(recipe, self._model, recipe.epochs * steps_per_epoch)
        self._loss = find_loss(recipe.loss)
        self._weights = category_weights(CITYSCAPES, recipe.category_weights)
        self._step = tf.function(self._learn, autograph=False)
        self.segmenter = Segmenter(
            KerasEngine(self.average, CITYSCAPES.real), InputSize(budget=recipe.budget)
        )

    def learn(self, images: NDArray[np.uint8], truths: NDArray[np.uint8]) -> Any:
        """One step on images uint8 (B, h, w, 3) and truths uint8 (B, h, w); returns its loss.

        Truths with soft labels are uint8 (B, h, w, 1 + n).
        """
        return self._step(tf.constant(images), tf.constant(truths))

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(self._groups[-1].optimizer.learning_rate)

    def keep_best(self) -> None:
        """Keep the averaged weights as the best."""
        for kept, weight in zip(self._best, self.average.weights, strict=True):
            kept.assign(weight.value)

    def restore_best(self) -> None:
        """Load the best averaged weights into `average`."""
        for kept, weight in zip(self._best, self.average.weights, strict=True):
            weight.assign(kept)

    def state(self) -> dict[str, Variables]:
        """All variables that a resumed run needs."""
        return {
            "model": self._model.variables,
            "average": self.average.variables,
            "best": self._best,
            "optimizer": [v for group in self._groups for v in group.optimizer.variables],
        }

    def _learn(self, images: Any, truths: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self._model(images, training=True)
            loss = self._total_loss(truths, logits)
        gradients = tape.gradient(loss, [group.variables for group in self._groups])
        for group, each in zip(self._groups, gradients, strict=True):
            group.optimizer.apply(each, group.variables)
        self._follow()
        return loss

    def _total_loss(self, truths: Any, logits: Any) -> Any:
        weights = tf.constant(self._weights)
        if truths.shape.rank == 3:
            return self._loss(truths, logits, weights)
        share = self._recipe.distillation
        soft = soft_cross_entropy(truths[..., 1:], logits, weights)
        return (1 - share) * self._loss(truths[..., 0], logits, weights) + share * soft

    def _follow(self) -> None:
        """Update the running average, faster in the first steps (Polyak averaging)."""
        step = tf.cast(self._groups[-1].optimizer.iterations, tf.float32)
        decay = tf.minimum(self._recipe.averaging, (1.0 + step) / (10.0 + step))
        for mean, weight in zip(self.average.weights, self._model.weights, strict=True):
            mean.assign(decay * mean + (1.0 - decay) * weight)


class _Group(NamedTuple):
    """Variables with the same learning rate."""

    optimizer: Any
    variables: list[Any]


def _groups(recipe: Recipe, model: Any, steps: int) -> list[_Group]:
    """The encoder's layers, if they have their own learning rate, and then all others."""
    own_rate = recipe.encoder and recipe.encoder_rate != 1
    prefixes = model.encoder_layers if own_rate else ()
    parts: dict[bool, list[Any]] = {True: [], False: []}
    for layer in model.layers:
        parts[layer.name.startswith(prefixes)] += layer.trainable_variables
    rates = {True: recipe.encoder_rate * recipe.learning_rate, False: recipe.learning_rate}
    groups = [
        _Group(_optimizer(recipe, rates[part], steps), variables)
        for part, variables in parts.items()
        if variables
    ]
    for group in groups:
        group.optimizer.build(group.variables)
    return groups


def _optimizer(recipe: Recipe, rate: float, steps: int) -> Any:
    warmup = max(1, round(recipe.warmup * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warmup),
        warmup_target=rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=recipe.weight_decay, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
