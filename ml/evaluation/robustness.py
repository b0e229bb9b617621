"""Robustness: the scores of a segmenter on corrupted images, beside those on clean ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.annotated import LeftOut, LoadedImage
from ml.evaluation.corruptions import CORRUPTIONS, SEVERITIES, Severity
from ml.evaluation.inference import infer_images
from ml.evaluation.summary import none_if_nan
from ml.inference.segmenter import PLAIN, Segmenter, TtaView
from ml.inference.tta import predict_views
from roadmask.masks.scores import confusion, mean_iou
from roadmask.masks.taxonomy import Taxonomy

CLEAN = "clean"
_Key = tuple[str, Severity | None]


class Robustness:
    """Mean IoU by corruption and severity. Every image is decoded once."""

    def __init__(
        self, segmenter: Segmenter, taxonomy: Taxonomy, views: Sequence[TtaView] = (PLAIN,)
    ) -> None:
        self._segmenter, self._taxonomy, self._views = segmenter, taxonomy, views
        keys = [(CLEAN, None), *((name, level) for name in CORRUPTIONS for level in SEVERITIES)]
        size = len(taxonomy)
        self._counts = {key: np.zeros((size, size), np.int64) for key in keys}

    def run(
        self, images: Iterable[LoadedImage], left_out: list[LeftOut] | None = None
    ) -> Iterator[str]:
        """Measure the images in every condition, and yield the name of each one when it is done.

        Images on which the network fails in a condition are noted in `left_out` and count in none.
        Raises as `infer_images`.
        """
        for each, confusions in infer_images(images, self._confusions, left_out):
            for counts, found in zip(self._counts.values(), confusions, strict=True):
                counts += found
            yield each.name

    def summarize(self) -> dict[str, Any]:
        """Mean IoU: `clean`, `mean` over all corruptions and severities, and `per_condition` with
        `mild` and `severe` of each. None where no annotated pixel is left, as a crop may do.
        """
        values = {
            key: none_if_nan(float(mean_iou(counts, self._taxonomy)))
            for key, counts in self._counts.items()
        }
        clean = values.pop((CLEAN, None))
        known = [value for value in values.values() if value is not None]
        return {
            "clean": clean,
            "mean": fmean(known) if known else None,
            "per_condition": {
                name: {level: values[name, level] for level in SEVERITIES} for name in CORRUPTIONS
            },
        }

    def _confusions(self, clean: Sequence[LoadedImage]) -> list[tuple[NDArray[np.int64], ...]]:
        """Confusion counts, int64 (n, n), of each image in every condition."""
        return list(zip(*(self._count(key, clean) for key in self._counts), strict=True))

    def _count(self, key: _Key, clean: Sequence[LoadedImage]) -> list[NDArray[np.int64]]:
        name, severity = key
        pairs = [
            (each.image, each.truth)
            if severity is None
            else CORRUPTIONS[name].apply(each.image, each.truth, severity, each.name)
            for each in clean
        ]
        predictions = predict_views(self._segmenter, [image for image, _ in pairs], self._views)
        return [
            confusion(truth, each.mask(), len(self._taxonomy))
            for (_, truth), each in zip(pairs, predictions, strict=True)
        ]
