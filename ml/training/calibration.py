"""Calibration: a last layer whose probabilities are those of the masks being right.

Category weights of the loss make a network see rare categories too often, and long training makes
it too sure of itself. Both are measured on images that it did not learn from, and put right in the
weights of the last layer, so they cost nothing in service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.data.samples import read_pair
from ml.engines.engine import BATCH
from ml.inference.segmenter import Segmenter
from ml.registry.card import Calibration
from roadmask.images.layouts import Sample
from roadmask.masks.scores import confusion, mean_iou
from roadmask.masks.taxonomy import Taxonomy

HEAD = "logits"
"""Name of the last layer of every network."""
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_TEMPERATURES = np.geomspace(0.5, 3.0, 61)
_STEP = 4
"""Of the rows and columns of the network's size, one in so many is counted."""


def calibrate(
    model: Any,
    segmenter: Segmenter,
    samples: Sequence[Sample],
    weights: Sequence[float],
    taxonomy: Taxonomy,
) -> Calibration | None:
    """Fit on annotated samples and change the model's last layer. `segmenter` runs the same model.

    `weights` are those of all categories in the loss. The share of their logarithm that leaves the
    bias is the one with the highest mean IoU, the temperature the one with the lowest negative
    log-likelihood (Guo et al., ICML 2017). Without an annotated pixel nothing is changed: None.
    """
    logits, truth = _pixels(segmenter, samples, taxonomy)
    if not truth.size:
        return None
    answers = list(taxonomy.real)
    log_weights = _log_weights(weights)[answers]
    shares = _SHARES if log_weights.any() else (0.0,)
    scores = [
        _mean_iou(logits - np.float32(share) * log_weights, truth, taxonomy) for share in shares
    ]
    share = shares[int(np.argmax(scores))]
    logits -= np.float32(share) * log_weights
    right = np.searchsorted(answers, truth)
    losses = [_loss(logits / np.float32(each), right) for each in _TEMPERATURES]
    temperature = float(_TEMPERATURES[int(np.argmin(losses))])
    _fold(model.get_layer(HEAD), share * _log_weights(weights), temperature)
    return Calibration(weight_share=share, temperature=round(temperature, 4))


def undo_calibration(model: Any, calibration: Calibration, weights: Sequence[float]) -> None:
    """Give a calibrated model the last layer that it had learnt.

    `weights` are those of all categories in its loss. A model that trains on learns the category
    weights again: begun from the calibrated layer, its first epochs would score better than later
    ones until all are calibrated, and one of them would be kept.
    """
    offsets = calibration.weight_share * _log_weights(weights)
    temperature = calibration.temperature
    _fold(model.get_layer(HEAD), -offsets / temperature, 1 / temperature)


def _log_weights(weights: Sequence[float]) -> NDArray[np.float32]:
    """Logarithms of the category weights, float32 (n,).

    A category of weight 0 was not learnt, so nothing of its weight is in the bias.
    """
    given = np.asarray(weights, np.float32)
    return np.log(np.where(given > 0, given, 1)).astype(np.float32)


def _fold(layer: Any, offsets: NDArray[np.float32], temperature: float) -> None:
    """The layer's logits less the offsets, divided by the temperature."""
    kernel, bias = layer.get_weights()
    # A sub-pixel head has the categories several times, one after the other.
    repeated = np.tile(offsets, len(bias) // len(offsets))
    layer.set_weights([kernel / temperature, (bias - repeated) / temperature])


def _pixels(
    segmenter: Segmenter, samples: Sequence[Sample], taxonomy: Taxonomy
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Logits float32 (N, n) and truth uint8 (N,) of annotated pixels, at the network's size."""
    found, true = [], []
    for logits, truth in _pairs(segmenter, samples):
        size = logits.shape[:0:-1]
        small = np.asarray(cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST_EXACT))
        small, planes = small[::_STEP, ::_STEP], logits[:, ::_STEP, ::_STEP]
        known = small != taxonomy.void
        found.append(planes[:, known].T)
        true.append(small[known])
    return np.concatenate(found), np.concatenate(true)


def _pairs(
    segmenter: Segmenter, samples: Sequence[Sample]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    rest = map(read_pair, samples)
    while batch := list(islice(rest, BATCH)):
        logits = segmenter.logits([image for image, _ in batch])
        yield from zip(logits, (truth for _, truth in batch), strict=True)


def _mean_iou(logits: NDArray[np.float32], truth: NDArray[np.uint8], taxonomy: Taxonomy) -> float:
    said = np.asarray(taxonomy.real, np.uint8)[logits.argmax(axis=1)]
    return float(mean_iou(confusion(truth, said, len(taxonomy)), taxonomy))


def _loss(logits: NDArray[np.float32], right: NDArray[np.intp]) -> float:
    """Mean negative log-likelihood."""
    raised = logits - logits.max(axis=1, keepdims=True)
    chosen = np.take_along_axis(raised, right[:, None], axis=1)[:, 0]
    return float(np.mean(np.log(np.exp(raised).sum(axis=1)) - chosen))
