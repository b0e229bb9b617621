"""Label Studio's own reading and writing of brush strokes.

Importing it takes longer than the tests that compare with it, so others do not wait for that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def decode_rle(rle: Sequence[int]) -> NDArray[np.uint8]:
    """The pixels of a stroke, uint8 (4 H W,)."""
    from label_studio_converter import brush

    pixels: NDArray[np.uint8] = brush.decode_rle(rle)
    return pixels


def encode_rle(pixels: NDArray[np.uint8]) -> list[int]:
    """The stroke of pixels, uint8 (4 H W,)."""
    from label_studio_converter import brush

    rle: list[int] = brush.encode_rle(pixels)
    return rle
