"""An image beside its overlay, for contact sheets and videos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.folder.mask_file import MAX_PIXELS
from roadmask.folder.results import FileResult
from roadmask.images.decoders.opencv import opencv
from roadmask.images.decoding import decode
from roadmask.masks.codec import decode_mask, overlay
from roadmask.schemas.pixels import AS_STORED, Pixels

DRAWABLE = ("index", "png", "overlay")
"""Formats of mask files from which an overlay can be drawn."""


@dataclass(frozen=True, slots=True)
class Panels:
    """Reads images below `folder` with their masks below `out`, which all have one format."""

    folder: Path
    out: Path
    format: str = "png"
    pixels: Pixels = AS_STORED
    """How the images are read."""

    def __post_init__(self) -> None:
        if self.format not in DRAWABLE:
            raise InvalidRequest(
                f"An overlay cannot be drawn from masks of the format {self.format!r}; "
                f"use --format {', '.join(DRAWABLE[:-1])} or {DRAWABLE[-1]}."
            )

    def image(self, result: FileResult) -> NDArray[np.uint8]:
        """The image alone. Raises `RoadmaskError` or `OSError` when it cannot be read."""
        data = (self.folder / result.image).read_bytes()
        return decode(data, MAX_PIXELS, pixels=self.pixels)

    def read(self, result: FileResult, width: int, height: int) -> NDArray[np.uint8]:
        """Image and overlay side by side, RGB uint8 (height, 2 * width, 3).

        Each is scaled into its half and centred on black. Raises `RoadmaskError` or `OSError` when
        the image or its mask cannot be read.
        """
        assert result.mask is not None
        image = self.image(result)
        mask = (self.out / result.mask).read_bytes()
        small = scaled_into(image, width, height)
        if self.format == "overlay":
            drawn = scaled_into(decode(mask, MAX_PIXELS), width, height)
        else:
            drawn = overlay(small, scaled_into(decode_mask(mask), width, height))
        return np.hstack([centred(small, width, height), centred(drawn, width, height)])


def scaled_into(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """An image (H, W, 3) or a mask (H, W), scaled into a box with its proportions kept."""
    cv2 = opencv(MAX_PIXELS)
    rows, columns = pixels.shape[:2]
    scale = min(width / columns, height / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    interpolation = cv2.INTER_NEAREST if pixels.ndim == 2 else smooth
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)


def centred(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """An image in the middle of a black box that is at least as large."""
    box = np.zeros((height, width, 3), np.uint8)
    top, left = (height - pixels.shape[0]) // 2, (width - pixels.shape[1]) // 2
    box[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return box
