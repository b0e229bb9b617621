"""Segmentation in every peer: the decoding, engine and encoding of Roadmask."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness.engine import open_engine
from roadmask.images.decoding import decode
from roadmask.masks.codec import encode_mask
from roadmask.settings import Settings


class Segmenting:
    """The model and engine of the settings: image files in, mask PNGs out. Thread-safe.

    Decoding and encoding use all cores, as in a well-tuned server. One call of the network runs at
    a time, because it uses all cores.
    """

    def __init__(self) -> None:
        self._predictor = open_engine()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(os.cpu_count())
        self._max_pixels = Settings().max_image_pixels

    def masks(self, files: Sequence[bytes]) -> list[bytes]:
        """Indexed PNGs, one for each image file."""
        images = list(self._threads.map(lambda data: decode(data, self._max_pixels), files))
        with self._lock:
            masks = self._predictor.predict(images)
        return list(self._threads.map(encode_mask, masks))
