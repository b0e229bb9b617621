"""Evaluation: how well masks agree with the annotated ones, at the images' own size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from ml.card import Measurement
from ml.data.samples import annotated_samples, dataset_name, read_pair
from ml.segmenter import BATCH_SIZES, Segmenter
from roadmask.categories import Taxonomy
from roadmask.folders import Sample
from roadmask.jobs import Scores
from roadmask.scores import confusion, scores


def evaluate_samples(segmenter: Segmenter, samples: Sequence[Sample], taxonomy: Taxonomy) -> Scores:
    """Scores over annotated samples, pixels pooled, void truth ignored."""
    counts = np.zeros((len(taxonomy), len(taxonomy)), np.int64)
    pairs = map(read_pair, samples)
    while batch := list(islice(pairs, BATCH_SIZES[-1])):
        masks = segmenter.predict([image for image, _ in batch])
        for (_, truth), mask in zip(batch, masks, strict=True):
            counts += confusion(truth, mask, len(taxonomy))
    return scores(counts, len(samples), taxonomy)


def measure(segmenter: Segmenter, folders: Iterable[Path], taxonomy: Taxonomy) -> list[Measurement]:
    """One measurement for each data set folder, as cards hold them."""
    return [
        Measurement(
            dataset=dataset_name(folder),
            scores=evaluate_samples(segmenter, annotated_samples(folder), taxonomy),
        )
        for folder in folders
    ]
