"""Run lengths: a flat mask as the lengths of its runs of equal values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def run_lengths(pixels: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of equal values, the first being of False (0 when it starts True).

    `pixels` has shape (N,), N at least 1.
    """
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    edges = np.concatenate(([0], changes, [pixels.size]))
    lengths: list[int] = np.diff(edges).tolist()
    return [0, *lengths] if pixels[0] else lengths
