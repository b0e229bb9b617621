"""Reads the event files of TensorBoard."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.util.event_pb2 import Event


def read_scalars(folder: Path) -> dict[int, dict[str, float]]:
    """Return the scalars of a folder of events by step and name. A duplicate is an error."""
    found: dict[int, dict[str, float]] = {}
    for file in folder.iterdir():
        for record in _records(file.read_bytes()):
            event = Event.FromString(record)
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                values = found.setdefault(event.step, {})
                assert value.tag not in values
                values[value.tag] = float(tf.make_ndarray(value.tensor))
    return found


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a file of TensorFlow: each between its length and checksums of 4 bytes."""
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield data[12 : 12 + length]
        data = data[16 + length :]
