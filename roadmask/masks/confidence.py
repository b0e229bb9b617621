"""Confidence: the model's probability of each pixel's category, as a grey image.

A pixel is `round(255 * p)`, where `p` is the softmax probability that the model gives to
the category in the mask. So 255 is certain, and `value / 255` is `p` to within 1/510. The winner of
`n` categories has at least 255 / n. `ml.evaluation.measures.calibration` measures how well the
probabilities agree with the share of right pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadmask.masks.codec import encode_grey


def encode_confidence(probability: NDArray[np.float32]) -> bytes:
    """The grey 8-bit PNG of probabilities, float32 (H, W) of 0 to 1; read it with `decode_mask`."""
    return encode_grey(np.rint(probability * 255).astype(np.uint8))
