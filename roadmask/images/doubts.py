"""Doubts about samples of which nothing was said: warnings in the result of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.images.facts import ImageFacts
from roadmask.images.mosaic import looks_mosaicked
from roadmask.images.samples import counted_samples, from_black, limits
from roadmask.schemas.pixels import Pixels

LINEAR_MEDIAN = 0.12
"""Median of linear samples, at most, as a share of their brightest 0.5 %."""
CLIPPED = 0.1
"""Share of samples at the largest value in a clipped image."""
FLAT = 0.15
"""Share of the range that the samples of a flat image use, at most."""
MISSING = 0.01
"""Share of an image that may have the grey of missing data by chance."""
_MISSING_GREY = 128
_BLOCK = 8
"""Pixels of the blocks in JPEG, across and down."""


def doubts(samples: NDArray[Any], facts: ImageFacts, pixels: Pixels) -> list[str]:
    """Sentences for people; none for 8-bit RGB, and none about what `pixels` says.

    Raises what `to_eight_bits` raises.
    """
    found = []
    is_deep = samples.dtype != np.uint8
    is_lossless = facts.format in ("png", "tiff", "bmp")
    if is_lossless and not (pixels.cfa or facts.cfa) and looks_mosaicked(samples):
        found.append(
            "The image looks like raw data of a colour sensor: neighbouring pixels differ like "
            "colours. State the job's `pixels.cfa`, such as RGGB."
        )
    if facts.hdr_curve:
        found.append(
            f"The image is of high dynamic range ({facts.hdr_curve}), and is read as sRGB: it is "
            "flat and dark. Save it as an image of standard range."
        )
    stated = "a profile of its inks" if facts.icc_profile[16:20] == b"CMYK" else facts.stated_colors
    if stated and not pixels.curve:
        found.append(
            f"The file states {stated}, which is not used. If it is linear, state the job's "
            '`pixels.curve` as "linear"; else, if its colours look wrong, save it as sRGB.'
        )
    if facts.format in ("jpeg", "tiff") and facts.is_lossy:
        share = missing_share(samples)
        if share > MISSING:
            found.append(
                f"{share:.0%} of the image are the even grey that decoders show where data of a "
                "JPEG are missing. If the picture has no such area, the file is damaged: copy it "
                "again."
            )
    if not is_deep:
        return found
    low, high = limits(samples, facts, pixels)
    counted = from_black(counted_samples(samples), (low, high), facts, pixels)
    darkest, median, brightest = np.quantile(counted, (0.005, 0.5, 0.995))
    if pixels.curve is None and median - low < LINEAR_MEDIAN * (brightest - low):
        found.append(
            "The image is dark but for its brightest parts, as samples proportional to light are. "
            'If it is linear, state the job\'s `pixels.curve` as "linear".'
        )
    if pixels.range is None and brightest - darkest < FLAT * (high - low):
        share = (brightest - darkest) / (high - low)
        found.append(
            f"The samples use {share:.0%} of their range, as those of thermal cameras do. State "
            'the job\'s `pixels.range`, or "percentile".'
        )
    # Only of integers `high` may be one step more than the largest value.
    largest = high if samples.dtype.kind == "f" else high - 1
    if (counted >= min(largest, brightest)).mean() > CLIPPED:
        found.append(
            f"More than {CLIPPED:.0%} of the samples have the largest value: the image is clipped. "
            "State the job's `pixels.bits`, or expose less."
        )
    return found


def missing_share(samples: NDArray[Any]) -> float:
    """Share of the blocks of a JPEG, uint8, that are even grey: those without data."""

    def is_missing(some: NDArray[Any]) -> NDArray[Any]:
        is_grey = np.atleast_3d(some == _MISSING_GREY)
        return np.asarray(is_grey.all(axis=2))

    middle = _BLOCK // 2
    found = float(is_missing(samples[middle::_BLOCK, middle::_BLOCK]).mean() or 0)
    # Few photos get as far as to look at all pixels.
    return min(found, float(is_missing(samples).mean())) if found > MISSING else 0
