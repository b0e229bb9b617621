"""Journal: the curves of a run as TensorBoard reads them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf


class Journal:
    """Writes one scalar for each value of each epoch.

    The whole history is written anew when a run begins or goes on, so that no epoch is in it twice
    or not at all, wherever the run was interrupted.
    """

    def __init__(self, folder: Path, history: Sequence[Mapping[str, float]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = tf.summary.create_file_writer(str(folder))
        for epoch, values in enumerate(history, 1):
            self.note(epoch, values)

    def note(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write down an epoch, counted from 1."""
        with self._writer.as_default(step=epoch):
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=_scalar())
        self._writer.flush()

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()


def _scalar() -> tf.compat.v1.SummaryMetadata:
    """What marks a scalar: `tf.summary.scalar` says the same, but needs TensorBoard installed."""
    metadata = tf.compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
    metadata.plugin_data.plugin_name = "scalars"
    return metadata
