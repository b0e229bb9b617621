"""Keras on TensorFlow: the reference engine, and the engine for GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ml.engines.engine import BATCH

BATCH_SIZES = (1, 2, 4, BATCH)
"""Batches are padded to one of these sizes, so the network meets few shapes."""


class KerasEngine:
    """Runs a Keras model in float32. One thread may use it at a time."""

    max_concurrency = 1
    warm_batches = BATCH_SIZES

    def __init__(self, model: Any, answers: Sequence[int]) -> None:
        self._model = model
        self.answers = np.array(answers, np.uint8)
        # One trace for all shapes: the signature leaves batch, height and width open.
        signature = [tf.TensorSpec((None, None, None, 3), tf.uint8)]
        self._run = tf.function(self._logits, input_signature=signature, autograph=False)

    @property
    def traces(self) -> int:
        """Number of traces of the network so far. It should stay at 1."""
        return int(self._run.experimental_get_tracing_count())

    def release_memory(self, rest_s: float) -> None:
        """TensorFlow keeps its memory for the next image."""

    def logits(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """See `Engine`."""
        missing = next(n for n in BATCH_SIZES if n >= len(batch)) - len(batch)
        padded = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else batch
        logits: NDArray[np.float32] = self._run(padded).numpy()
        yield from logits[: len(batch)]

    def _logits(self, batch: Any) -> Any:
        logits = tf.gather(self._model(batch, training=False), self.answers.tolist(), axis=-1)
        return tf.transpose(logits, (0, 3, 1, 2))
