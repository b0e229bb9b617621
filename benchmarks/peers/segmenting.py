"""What every peer does with images: the same decoding, engine and encoding as Roadmask's."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.engine import open_engine
from roadmask.masks import encode_mask
from roadmask.pixels import decode
from roadmask.settings import Settings


class Segmenting:
    """The settings' model on the settings' engine; files in, mask PNGs out, from any thread.

    Decoding and encoding use all cores, as whoever tunes a server would have it. The network runs
    once at a time: it takes all cores for itself.
    """

    def __init__(self) -> None:
        self._predictor = open_engine()
        self._turn = threading.Lock()
        self._threads = ThreadPoolExecutor(os.cpu_count())
        self._max_pixels = Settings().max_image_pixels

    def masks(self, files: Sequence[bytes]) -> list[bytes]:
        """Indexed PNGs, one for each image file."""
        images = list(self._threads.map(lambda data: decode(data, self._max_pixels), files))
        with self._turn:
            masks = self._predictor.predict(images)
        return list(self._threads.map(encode_mask, masks))
