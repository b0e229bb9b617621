"""The interval of a mean over images. Neighbours may be alike, as frames of a video are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_IMAGES = 5
"""A smaller sample has no useful interval."""
Z = 1.959964
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """`mean` ± `margin` contains the mean with a probability of 95 %."""

    mean: float
    margin: float
    images: int
    effective_images: float
    """Number of independent images that would tell as much."""


def mean_interval(values: NDArray[np.floating]) -> Interval | None:
    """The interval of the mean of values (images,) in the order in which they were recorded.

    None for less than `MIN_IMAGES` values, or when they tell less than so many independent ones
    would. The effective number is `n / (1 + 2 sum(r))`, over the autocorrelations `r` before the
    first that is not positive (Geyer, Statistical Science 1992).
    """
    count = len(values)
    if count < MIN_IMAGES:
        return None
    centred = np.asarray(values, np.float64) - values.mean()
    # The autocovariances of all lags at once, padded so that the ends do not meet.
    spectrum = np.fft.rfft(centred, 2 * count)
    covariances = np.fft.irfft(spectrum * spectrum.conj())[:count] / count
    if covariances[0] <= 0:
        return Interval(float(values.mean()), 0.0, count, float(count))
    correlations = covariances[1:] / covariances[0]
    stops = np.flatnonzero(correlations <= 0)
    related = correlations[: stops[0] if len(stops) else len(correlations)].sum()
    effective = count / (1 + 2 * related)
    if effective < MIN_IMAGES:
        return None
    deviation = np.sqrt(covariances[0] * effective / (effective - 1))
    margin = _quantile(effective - 1) * deviation / np.sqrt(effective)
    return Interval(float(values.mean()), float(margin), count, float(effective))


def _quantile(degrees: float) -> float:
    """The 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5)."""
    return float(
        Z + (Z**3 + Z) / (4 * degrees) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * degrees**2)
    )
