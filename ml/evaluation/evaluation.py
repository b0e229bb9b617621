"""Evaluation: agreement of masks with annotated ones, at the images' own size."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.data.annotated import LeftOut, LoadedImage, from_folder
from ml.data.samples import dataset_name, read_pair
from ml.engines.engine import BATCH
from ml.evaluation.inference import infer_images
from ml.evaluation.measures.breakdown import Breakdown
from ml.evaluation.measures.calibration import Calibration
from ml.evaluation.measures.soft import SoftCounts
from ml.inference.segmenter import PLAIN, Segmenter, TtaView
from ml.inference.tta import TtaPrediction, predict_views
from ml.registry.card import Measurement
from roadmask.images.layouts import Sample
from roadmask.images.reading import AS_FOUND, Reading
from roadmask.masks.scores import confusion, scores
from roadmask.masks.taxonomy import Taxonomy
from roadmask.schemas.jobs import Scores


def evaluate_samples(segmenter: Segmenter, samples: Sequence[Sample], taxonomy: Taxonomy) -> Scores:
    """Scores over annotated samples, with pooled pixels and without void truth."""
    counts = np.zeros((len(taxonomy), len(taxonomy)), np.int64)
    pairs = map(read_pair, samples)
    while batch := list(islice(pairs, BATCH)):
        masks = segmenter.predict([image for image, _ in batch])
        for (_, truth), mask in zip(batch, masks, strict=True):
            counts += confusion(truth, mask, len(taxonomy))
    return scores(counts, len(samples), taxonomy)


def measure(
    segmenter: Segmenter,
    folders: Iterable[Path],
    taxonomy: Taxonomy,
    reading: Reading = AS_FOUND,
) -> list[Measurement]:
    """One measurement per dataset folder, for the card."""
    measurements = []
    for folder in folders:
        evaluation = Evaluation(segmenter, taxonomy)
        for _ in evaluation.run(from_folder(folder, reading).load_all()):
            pass
        measurements.append(
            Measurement(
                dataset=dataset_name(folder),
                scores=evaluation.scores,
                soft_iou=evaluation.soft.iou,
                ece=evaluation.calibration.error,
                pixels=str(reading.pixels),
            )
        )
    return measurements


@dataclass(frozen=True, slots=True)
class Seen:
    """One evaluated image."""

    name: str
    image: NDArray[np.uint8]
    """RGB, uint8 (H, W, 3)."""
    truth: NDArray[np.uint8]
    """Categories, uint8 (H, W)."""
    mask: NDArray[np.uint8]
    """The predicted mask, uint8 (H, W)."""
    counts: NDArray[np.int64]
    """Confusion counts in pixels, int64 (n, n): rows are the truth, columns the mask."""


class Evaluation:
    """All measurements of a segmenter in one pass over annotated images.

    Scores come from the masks of `Segmenter.predict`; only several views change that. Images are
    processed in batches, so a dataset of any size fits. With `warm` the first batch is predicted
    twice: the first time also makes the kernels, and `predict_s` is to be that of images to come.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        taxonomy: Taxonomy,
        views: Sequence[TtaView] = (PLAIN,),
        *,
        warm: bool = False,
    ) -> None:
        self.taxonomy = taxonomy
        self.soft = SoftCounts(segmenter.answers.tolist(), taxonomy.void)
        self.calibration = Calibration(void=taxonomy.void)
        self.breakdown = Breakdown(taxonomy)
        self.sizes: set[tuple[int, int]] = set()
        """Input sizes (height, width) of the network, at scale 1."""
        self.decode_s = self.predict_s = 0.0
        self._segmenter = segmenter
        self._views = views
        self._warm = warm
        self._counts: list[NDArray[np.int64]] = []

    @property
    def confusions(self) -> NDArray[np.int64]:
        """Confusion counts of each image, int64 (N, n, n): rows are the truth."""
        n = len(self.taxonomy)
        return np.array(self._counts, np.int64).reshape(-1, n, n)

    @property
    def scores(self) -> Scores:
        """The scores of all images so far, with pooled pixels."""
        return scores(self.confusions.sum(axis=0), len(self._counts), self.taxonomy)

    def run(
        self, images: Iterable[LoadedImage], left_out: list[LeftOut] | None = None
    ) -> Iterator[Seen]:
        """Measure the images, and yield each one when it is counted.

        Images on which the network fails are noted in `left_out`. Raises as `infer_images`.
        """
        for each, (views, mask) in infer_images(images, self._predict, left_out):
            yield self._count(each, views, mask)

    def _predict(
        self, batch: Sequence[LoadedImage]
    ) -> list[tuple[TtaPrediction, NDArray[np.uint8]]]:
        images = [each.image for each in batch]
        if self._warm and not self._counts:
            predict_views(self._segmenter, images, self._views)
        began = time.perf_counter()
        predictions = [
            (each, each.mask()) for each in predict_views(self._segmenter, images, self._views)
        ]
        self.predict_s += time.perf_counter() - began
        return predictions

    def _count(
        self, loaded: LoadedImage, predictions: TtaPrediction, mask: NDArray[np.uint8]
    ) -> Seen:
        image, truth = loaded.image, loaded.truth
        self.decode_s += loaded.decode_s
        self.sizes.add(self._segmenter.input_size(*image.shape[:2]))
        counts = confusion(truth, mask, len(self.taxonomy))
        self._counts.append(counts)
        self.breakdown.add(truth, mask)
        for rows, strip in predictions.probabilities():
            self.soft.add(truth[rows], strip)
            self.calibration.add(truth[rows], mask[rows], strip.max(axis=0))
        return Seen(loaded.name, image, truth, mask, counts)
