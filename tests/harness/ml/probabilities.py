"""The probabilities behind the masks of a segmenter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.inference.segmenter import Segmenter
from ml.inference.upsampling import upsample_probabilities


def probabilities_of(segmenter: Segmenter, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities float32 (n, H, W) of the n answers, of an RGB image, uint8 (H, W, 3)."""
    (planes,) = segmenter.logits([image])
    strips = upsample_probabilities(planes, *image.shape[:2])
    return np.concatenate([strip for _, strip in strips], axis=1)
