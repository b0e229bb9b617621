"""ICC profiles: colours become sRGB. A profile that cannot be used changes nothing."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

ROWS_PIXELS = 2**20
"""Pixels converted at once: the library needs 8 bytes for each."""
NEAR = 3
"""A profile whose colours all are within so many steps of sRGB's is taken for sRGB."""
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}


def to_srgb(pixels: NDArray[np.uint8], profile: bytes) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) or grey (H, W), converted from the colours of a profile.

    Pixels come back as they are if the profile is sRGB, is damaged, or is for other channels.
    """
    mode = "L" if pixels.ndim == 2 else "RGB"
    transform = _transform(profile, mode)
    if transform is None:
        return pixels
    if pixels.ndim == 2:
        table = _applied(transform, np.arange(256, dtype=np.uint8)[None])[0]
        return np.asarray(table[pixels], np.uint8)
    converted = np.empty(pixels.shape, np.uint8)
    rows = max(1, ROWS_PIXELS // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        converted[start : start + rows] = _applied(transform, pixels[start : start + rows])
    return converted


def srgb_of_lab(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) from CIE L*a*b* with the white of D50, 8 bits, a and b signed."""
    picture = Image.frombytes("LAB", pixels.shape[1::-1], pixels.tobytes())
    converted = ImageCms.applyTransform(picture, _lab_transform())
    return np.asarray(converted, np.uint8)


@lru_cache(maxsize=1)
def _lab_transform() -> Any:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Any:
    """The conversion from a profile to sRGB; None if there is nothing to convert."""
    if _SPACES.get(profile[16:20]) != mode:
        return None
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
        )
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        if mode == "L":
            colors = np.arange(256, dtype=np.uint8)[None]
        else:
            colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
        expected = colors[..., None] if mode == "L" else colors
        difference = _applied(transform, colors).astype(int) - expected
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return transform if np.abs(difference).max() > NEAR else None


def _applied(transform: Any, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    converted = ImageCms.applyTransform(Image.fromarray(pixels), transform)
    return np.asarray(converted, np.uint8)
