"""Samples of any depth become 8-bit grey or RGB, steadily: no single pixel changes the others."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageUnreadable, UnsupportedFormat
from roadmask.images.facts import ImageFacts
from roadmask.schemas.pixels import Pixels

OUTLIERS = 1e-4
"""Share of the samples, the brightest ones, that do not count for the depth: hot pixels."""
FEWEST_OUTLIERS = 8
"""Samples of a small image that do not count, if they are less than a hundredth."""
COUNTED = 100_000
"""Samples that are looked at, in equal distances, to find the depth or percentiles."""
PERCENTILES = 0.005, 0.995
BLOCK = 2**20
"""Samples converted at once."""


def to_eight_bits(samples: NDArray[Any], facts: ImageFacts, pixels: Pixels) -> NDArray[np.uint8]:
    """Samples (H, W) or (H, W, 3) of any dtype as uint8.

    Raises `UnsupportedFormat` for floating-point, 32-bit and negative samples of unknown range, and
    `ImageUnreadable` if no sample is finite.
    """
    if samples.dtype == np.uint8 and _is_plain(facts, pixels) and pixels.range is None:
        return samples
    low, high = limits(samples, facts, pixels)
    if samples.dtype == np.uint16 and low == 0 and _is_plain(facts, pixels):
        bits = int(high).bit_length() - 1
        if high == 2**bits and bits >= 8:
            return _shifted(samples, bits)
    if samples.dtype in (np.uint8, np.uint16):
        stored = np.arange(2 ** (8 * samples.dtype.itemsize))
        values = from_black(stored, (low, high), facts, pixels)
        return _looked_up(samples, _curved(values, low, high, pixels))
    converted = np.empty(samples.shape, np.uint8)
    flat, target = samples.reshape(-1), converted.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        block = flat[start : start + BLOCK].astype(np.float64)
        target[start : start + BLOCK] = _curved(np.nan_to_num(block), low, high, pixels)
    return converted


def limits(samples: NDArray[Any], facts: ImageFacts, pixels: Pixels) -> tuple[float, float]:
    """The values that become black, and white plus one step of an integer.

    Raises what `to_eight_bits` raises.
    """
    if isinstance(pixels.range, tuple):
        return pixels.range
    counted = counted_samples(samples)
    if pixels.range == "percentile":
        low, high = np.quantile(counted, PERCENTILES)
        return float(low), float(max(high, low + 1e-6 * max(1, abs(low))))
    if facts.stated_range is not None:
        return facts.stated_range
    if samples.dtype.kind == "f" or samples.dtype.itemsize > 2:
        raise UnsupportedFormat(
            f"The image has samples of the type {samples.dtype}, and the file does not state their "
            'range. State it in the job as `pixels: {"range": [0, 1]}` with the values for black '
            "and white, or save the image with 8 or 16 bits for each channel."
        )
    if (counted < 0).mean() > OUTLIERS:
        raise UnsupportedFormat(
            "The image has negative samples, and the file does not state their range. State it in "
            'the job as `pixels: {"range": [-100, 3000]}` with the values for black and white.'
        )
    if samples.dtype == np.uint8:
        return 0, 2**8  # `bits` are those of deep samples
    bits = pixels.bits or _stated_bits(counted, facts) or _found_bits(counted)
    return 0, 2**bits


def from_black(
    values: NDArray[Any], limits: tuple[float, float], facts: ImageFacts, pixels: Pixels
) -> NDArray[Any]:
    """Values that rise from black to white: mirrored within their limits where 0 is white."""
    if not facts.zero_is_white:
        return values
    low, high = limits
    largest = high if pixels.range else high - 1
    return np.asarray(low + largest - values.astype(np.float64))


def counted_samples(samples: NDArray[Any]) -> NDArray[Any]:
    """Finite samples at equal distances, enough to know how all are distributed.

    Raises `ImageUnreadable` if there are none.
    """
    flat = samples.reshape(-1)
    # An odd step does not look at the same colour of a row each time.
    step = max(1, flat.size // COUNTED) | 1
    counted = flat[::step]
    if counted.dtype.kind != "f":
        return counted
    finite: NDArray[Any] = counted[np.isfinite(counted)]
    if not finite.size:
        raise ImageUnreadable("The image has no finite sample.")
    return finite


def _is_plain(facts: ImageFacts, pixels: Pixels) -> bool:
    """Whether samples are as bright as their value."""
    return pixels.curve != "linear" and not facts.zero_is_white


def _stated_bits(counted: NDArray[Any], facts: ImageFacts) -> int | None:
    """The depth that the file states; None without one, or if the samples fill all 16 bits.

    PNG wants samples scaled to 16 bits whatever their own depth; cameras store them as they are.
    Scaled samples show it: their lower bits are 0, or repeat the upper ones.
    """
    bits = facts.significant_bits
    if bits is None or bits == 16 or not counted.size:
        return bits
    shift = 16 - bits
    top = counted >> shift
    is_scaled = (counted == top << shift) | (counted == (top << shift | top >> (bits - shift)))
    return 16 if is_scaled.mean() > 0.99 and counted.max() >= 2**bits else bits


def _found_bits(counted: NDArray[Any]) -> int:
    """The fewest bits, from 8, that hold all samples but the brightest few."""
    few = max(counted.size * OUTLIERS, min(FEWEST_OUTLIERS, counted.size / 100))
    fewest = 7 if counted.dtype == np.int8 else 8
    return next((bits for bits in range(fewest, 16) if (counted >= 2**bits).sum() <= few), 16)


def _curved(values: NDArray[Any], low: float, high: float, pixels: Pixels) -> NDArray[np.uint8]:
    """Values as uint8, with the curve of sRGB where they are linear."""
    scaled = ((values - low) / (high - low)).clip(0, 1)
    if pixels.curve == "linear":
        bright = 1.055 * np.power(scaled, 1 / 2.4) - 0.055
        scaled = np.where(scaled <= 0.0031308, 12.92 * scaled, bright)
        return np.asarray(np.rint(scaled * 255), np.uint8)
    return np.asarray(np.minimum(scaled * 256, 255), np.uint8)


def _shifted(samples: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    """The upper 8 of so many bits; larger samples are white."""
    if bits == 16 and sys.byteorder == "little" and samples.flags.c_contiguous:
        return samples.view(np.uint8)[..., 1::2].copy()
    converted = np.empty(samples.shape, np.uint8)
    rows = max(1, BLOCK // max(1, samples[:1].size))
    for start in range(0, len(samples), rows):
        block = np.minimum(samples[start : start + rows], np.uint16(2**bits - 1))
        converted[start : start + rows] = block >> np.uint16(bits - 8)
    return converted


def _looked_up(samples: NDArray[Any], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    converted = np.empty(samples.shape, np.uint8)
    rows = max(1, BLOCK // max(1, samples[:1].size))
    for start in range(0, len(samples), rows):
        converted[start : start + rows] = table[samples[start : start + rows]]
    return converted
