"""Bootstrap: how far a score might move with another draw of images.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, the percentile interval.
Whole images are drawn, since the pixels of one image are alike. So are the frames of one video:
on these the intervals are too narrow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest

DRAWS = 2**20
"""Numbers of draws in memory at once: 8 MB."""

Measure = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""From counts (..., n, n) to values (...) or (..., k), NaN where there is nothing to measure."""


class Interval(NamedTuple):
    """A measure of all images, and the bounds that `level` of the resamples lie within.

    Each is float64 of the measure's own shape: () or (k,), NaN where there is nothing to measure.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def intervals(
    confusions: NDArray[np.int64],
    measure: Measure,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of `measure` on the pooled counts (N, ..., n, n) of N images.

    A draw in which there is nothing to measure (NaN) is left out. Raises `InvalidRequest` when
    there are no images.
    """
    images = len(confusions)
    if not images:
        raise InvalidRequest("There are no images to draw from: an interval needs one or more.")
    generator, chances = np.random.default_rng(seed), np.full(images, 1 / images)
    rows = max(1, DRAWS // images)
    drawn = np.empty((resamples, *confusions.shape[1:]), np.int64)
    for start in range(0, resamples, rows):
        block = drawn[start : start + rows]
        times_drawn = generator.multinomial(images, chances, size=len(block))
        np.einsum("ri,i...->r...", times_drawn, confusions, out=block)
    with warnings.catch_warnings():
        # What no image shows has no interval: NaN is the answer, not a mishap.
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        low, high = np.nanquantile(measure(drawn), ((1 - level) / 2, (1 + level) / 2), axis=0)
    return Interval(measure(confusions.sum(axis=0)), low, high)


def paired_intervals(
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    measure: Measure,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of the change of `measure` from `before` to `after`: counts (N, n, n) of two
    artifacts on the same N images, in the same order.

    Both are measured on the same draws: what makes an image hard for both cancels out, so the
    interval is narrower than those of the two measures suggest. Raises `InvalidRequest` when the
    shapes differ or there are no images.
    """
    if before.shape != after.shape:
        raise InvalidRequest(
            f"Counts of {before.shape} and {after.shape} cannot be paired; measure both artifacts "
            "on the same images."
        )

    def change(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return measure(counts[..., 1, :, :]) - measure(counts[..., 0, :, :])

    return intervals(np.stack([before, after], axis=1), change, resamples, level, seed)
