"""Evaluation: how well masks agree with the annotated ones, at the images' own size."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.card import Measurement
from ml.data.annotated import Annotated, from_folder
from ml.data.samples import dataset_name, read_pair
from ml.engines.engine import BATCH
from ml.measures.calibration import Calibration
from ml.measures.soft import SoftCounts
from ml.segmenter import PLAIN, Segmenter, View
from ml.views import Answer, answer
from roadmask.categories import Taxonomy
from roadmask.folders import Sample
from roadmask.jobs import Scores
from roadmask.scores import confusion, scores


def evaluate_samples(segmenter: Segmenter, samples: Sequence[Sample], taxonomy: Taxonomy) -> Scores:
    """Scores over annotated samples, pixels pooled, void truth ignored, and nothing that costs
    more than the masks."""
    counts = np.zeros((len(taxonomy), len(taxonomy)), np.int64)
    pairs = map(read_pair, samples)
    while batch := list(islice(pairs, BATCH)):
        masks = segmenter.predict([image for image, _ in batch])
        for (_, truth), mask in zip(batch, masks, strict=True):
            counts += confusion(truth, mask, len(taxonomy))
    return scores(counts, len(samples), taxonomy)


def measure(segmenter: Segmenter, folders: Iterable[Path], taxonomy: Taxonomy) -> list[Measurement]:
    """One measurement for each data set folder, as cards hold them."""
    measurements = []
    for folder in folders:
        evaluation = Evaluation(segmenter, taxonomy)
        for _ in evaluation.run(from_folder(folder).images):
            pass
        measurements.append(
            Measurement(
                dataset=dataset_name(folder),
                scores=evaluation.scores,
                soft_iou=evaluation.soft.iou,
            )
        )
    return measurements


@dataclass(frozen=True, slots=True)
class Seen:
    """One image as the evaluation saw it."""

    name: str
    image: NDArray[np.uint8]
    """RGB, uint8 (H, W, 3)."""
    truth: NDArray[np.uint8]
    """Categories, uint8 (H, W)."""
    mask: NDArray[np.uint8]
    """What the artifact says, uint8 (H, W)."""
    counts: NDArray[np.int64]
    """Pixels, int64 (n, n): rows are the truth, columns the mask."""


class Evaluation:
    """Everything that one pass over annotated images tells of a segmenter.

    Scores come from the masks of `Segmenter.predict`; only several views change them. Images come
    and go in batches, so a data set of any size fits.
    """

    def __init__(
        self, segmenter: Segmenter, taxonomy: Taxonomy, looks: Sequence[View] = (PLAIN,)
    ) -> None:
        self.taxonomy = taxonomy
        self.soft = SoftCounts(segmenter.answers.tolist(), taxonomy.void)
        self.calibration = Calibration(void=taxonomy.void)
        self.sizes: set[tuple[int, int]] = set()
        """(height, width) at which the network saw images, at scale 1."""
        self.decode_s = self.predict_s = 0.0
        self._segmenter = segmenter
        self._looks = looks
        self._counts: list[NDArray[np.int64]] = []

    @property
    def confusions(self) -> NDArray[np.int64]:
        """Pixel counts of each image, int64 (N, n, n): rows are the truth, columns the masks."""
        n = len(self.taxonomy)
        return np.array(self._counts, np.int64).reshape(-1, n, n)

    @property
    def scores(self) -> Scores:
        """Of all images so far, pixels pooled."""
        return scores(self.confusions.sum(axis=0), len(self._counts), self.taxonomy)

    def run(self, images: Iterable[Annotated]) -> Iterator[Seen]:
        """Measure the images and yield each one once it is counted.

        Raises `InvalidRequest` when an image and its truth differ in size, and what decoding does.
        """
        rest = iter(images)
        while batch := list(islice(rest, BATCH)):
            pictures = [self._decode(each) for each in batch]
            for each, image, said in zip(batch, pictures, self._predict(pictures), strict=True):
                yield self._count(each.name, image, each.truth_for(image), *said)

    def _decode(self, each: Annotated) -> NDArray[np.uint8]:
        data = each.read_image()
        began = time.perf_counter()
        image = each.decode(data)
        self.decode_s += time.perf_counter() - began
        self.sizes.add(self._segmenter.fit.size(*image.shape[:2]))
        return image

    def _predict(self, images: list[NDArray[np.uint8]]) -> list[tuple[Answer, NDArray[np.uint8]]]:
        if not self._counts:
            # The first batch also makes the kernels: its time says nothing of those to come.
            answer(self._segmenter, images, self._looks)
        began = time.perf_counter()
        said = [(each, each.mask()) for each in answer(self._segmenter, images, self._looks)]
        self.predict_s += time.perf_counter() - began
        return said

    def _count(
        self,
        name: str,
        image: NDArray[np.uint8],
        truth: NDArray[np.uint8],
        said: Answer,
        mask: NDArray[np.uint8],
    ) -> Seen:
        counts = confusion(truth, mask, len(self.taxonomy))
        self._counts.append(counts)
        for rows, strip in said.probabilities():
            self.soft.add(truth[rows], strip)
            self.calibration.add(truth[rows], mask[rows], strip.max(axis=0))
        return Seen(name, image, truth, mask, counts)
