"""Teachers: models whose mean probabilities label images for another model to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.inference.segmenter import Segmenter, TtaView
from ml.inference.tta import predict_views


class Teacher(NamedTuple):
    """A model, and how much it counts among several."""

    segmenter: Segmenter
    weight: float = 1.0


def mean_probabilities(
    teachers: Sequence[Teacher], image: NDArray[np.uint8], views: Sequence[TtaView]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """The mean probabilities of an RGB image uint8 (H, W, 3), over teachers and views.

    Yields rows and float32 (n, rows, W), strip by strip. All teachers have the same categories.
    """
    total = sum(teacher.weight for teacher in teachers)
    predictions = [predict_views(each.segmenter, [image], views)[0] for each in teachers]
    for strips in zip(*(each.probabilities() for each in predictions), strict=True):
        mean = np.zeros_like(strips[0][1])
        for teacher, (_, strip) in zip(teachers, strips, strict=True):
            mean += np.float32(teacher.weight / total) * strip
        yield strips[0][0], mean
