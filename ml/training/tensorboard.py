"""TensorBoard log: the metrics of a run, for TensorBoard."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf


class TensorBoardLog:
    """Writes one scalar per metric and epoch.

    The whole history is written again when a run begins or resumes. So every epoch appears exactly
    once, wherever the run was interrupted.
    """

    def __init__(self, folder: Path, history: Sequence[Mapping[str, float]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = tf.summary.create_file_writer(str(folder))
        for epoch, values in enumerate(history, 1):
            self.write(epoch, values)

    def write(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the metrics of an epoch, counted from 1."""
        with self._writer.as_default(step=epoch):
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=_scalar())
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def _scalar() -> tf.compat.v1.SummaryMetadata:
    """The metadata of a scalar. `tf.summary.scalar` writes the same but needs TensorBoard."""
    metadata = tf.compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
    metadata.plugin_data.plugin_name = "scalars"
    return metadata
