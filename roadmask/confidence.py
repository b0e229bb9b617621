"""Confidence: how sure the model is of each pixel's category, as a grey picture.

The scale: a pixel is `round(255 * p)`, where `p` is the softmax probability that the model gives to
the category in the mask. So 255 is certain, `value / 255` is `p` to within 1/510, and as the
categories share a probability of 1, none of `n` possible answers is below 255 / n where it wins.
It is the model's own opinion: `ml.measures.calibration` says how far it can be believed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadmask.masks import encode_grey


def encode_confidence(probability: NDArray[np.float32]) -> bytes:
    """The grey 8-bit PNG of probabilities, float32 (H, W) of 0 to 1; read it with `decode_mask`."""
    return encode_grey(np.rint(probability * 255).astype(np.uint8))
