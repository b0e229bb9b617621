"""An image beside its overlay, as contact sheets and videos show it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import InvalidRequest
from roadmask.mask_files import MAX_PIXELS
from roadmask.masks import decode_mask, overlay
from roadmask.outcomes import FileResult
from roadmask.pixels import decode, opencv

DRAWABLE = ("png", "overlay")
"""Forms of a mask's file that an overlay can be made of."""


@dataclass(frozen=True, slots=True)
class Panels:
    """Reads pairs of pictures: images below `folder`, masks of one form below `out`."""

    folder: Path
    out: Path
    form: str = "png"

    def __post_init__(self) -> None:
        if self.form not in DRAWABLE:
            raise InvalidRequest(
                f"An overlay cannot be drawn from masks of the form {self.form!r}; "
                f"use --format {' or '.join(DRAWABLE)}."
            )

    def read(self, result: FileResult, width: int, height: int) -> NDArray[np.uint8]:
        """Image and overlay side by side, RGB uint8 (height, 2 * width, 3).

        Each is fitted into its half and centred on black. Raises `RoadmaskError` or `OSError`
        when the image or its mask cannot be read."""
        assert result.mask is not None
        image = decode((self.folder / result.image).read_bytes(), MAX_PIXELS)
        mask = (self.out / result.mask).read_bytes()
        small = fitted(image, width, height)
        if self.form == "overlay":
            drawn = fitted(decode(mask, MAX_PIXELS), width, height)
        else:
            drawn = overlay(small, fitted(decode_mask(mask), width, height))
        return np.hstack([centred(small, width, height), centred(drawn, width, height)])


def fitted(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture or a mask, scaled to fit into a box with its proportions kept."""
    cv2 = opencv(MAX_PIXELS)
    rows, columns = pixels.shape[:2]
    scale = min(width / columns, height / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    way = cv2.INTER_NEAREST if pixels.ndim == 2 else smooth
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def centred(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture in the middle of a black box that is at least as large."""
    box = np.zeros((height, width, 3), np.uint8)
    top, left = (height - pixels.shape[0]) // 2, (width - pixels.shape[1]) // 2
    box[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return box
