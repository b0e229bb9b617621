"""Keras as most users call it: the loaded model, and `predict`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.inference.segmenter import Segmenter
from ml.networks.registry import build_network
from ml.registry.artifact import Artifact


class StockKeras:
    """An `Engine` without the optimisations of Roadmask's own engines."""

    max_concurrency = 1
    warm_batches = (1,)

    def __init__(self, model: Any, answers: tuple[int, ...]) -> None:
        self._model = model
        self.answers = np.array(answers, np.uint8)

    def release_memory(self, rest_s: float) -> None:
        pass

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        found = self._model.predict(batch, batch_size=len(batch), verbose=0)
        yield from found[..., self.answers].transpose(0, 3, 1, 2)


def stock_keras(artifact: Artifact, precision: str) -> Segmenter:
    """An artifact's network in `float32` or `mixed_bfloat16`, with the input sizes of its card."""
    model = artifact.load_model()
    if precision != "float32":
        weights = model.get_weights()
        model = build_network(artifact.card.network, len(artifact.taxonomy), precision)
        model.set_weights(weights)
    return Segmenter(StockKeras(model, artifact.answers), artifact.card.input_size)
