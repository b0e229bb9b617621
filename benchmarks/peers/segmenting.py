"""What every peer does with an image: the same decoding, engine and encoding as Roadmask's."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.engine import open_engine
from roadmask.masks import encode_mask
from roadmask.pixels import decode
from roadmask.settings import Settings


class Segmenting:
    """The settings' model on the settings' engine; files in, mask PNGs out."""

    def __init__(self) -> None:
        self._predictor = open_engine()
        self._max_pixels = Settings().max_image_pixels

    def masks(self, files: Sequence[bytes]) -> list[bytes]:
        """Indexed PNGs, one for each image file."""
        images = [decode(data, self._max_pixels) for data in files]
        return [encode_mask(mask) for mask in self._predictor.predict(images)]
