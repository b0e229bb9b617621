"""The names of mask files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import PurePath, PurePosixPath

from roadmask.images.stems import folded, unique_stems
from roadmask.schemas.mask_formats import MaskFormat

CITYSCAPES_FOLDER, CITYSCAPES_SUFFIX = "gtFine", "_gtFine_labelIds.png"
"""The folder in the output folder, and the end of the names, of the files of Cityscapes."""


def mask_names(images: Sequence[str], format: MaskFormat = MaskFormat.PNG) -> dict[str, str]:
    """The name of each image's mask: `a/x.png` for `a/x.jpg`, with the suffix of the format.

    Images that would share a mask (`x.jpg`, `X.tif`) keep their suffix in its name (`x.jpg.png`).
    So does an image whose mask would have the name of another image (`x.jpg.png`), or of a folder
    of images (`x.png/`). Names that only differ by case count as equal, as on macOS and Windows.
    """
    suffix = mask_suffix(format)
    masks = {image: f"{name}{suffix}" for image, name in unique_stems(images).items()}
    folders = _folders(images)
    return {
        image: f"{image}{suffix}" if folded(mask) in folders else mask
        for image, mask in masks.items()
    }


def _folders(images: Iterable[str]) -> set[str]:
    """All folders that contain these images, with their names folded."""
    found: set[str] = set()
    for image in images:
        folder = image.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return set(map(folded, found))


def mask_suffix(format: MaskFormat) -> str:
    """The suffix of mask files in a format."""
    # A folder run draws lossless overlays. Overlays of the service are JPEG.
    return ".png" if format is MaskFormat.OVERLAY else format.suffix


def confidence_name(mask_name: str) -> str:
    """The name of a mask's confidence image, always a PNG."""
    return str(PurePosixPath(mask_name).with_suffix(".png"))


def recorded_name(file: PurePath, out: PurePath) -> str:
    """The name of a file in the records of an output folder: its path relative to the folder."""
    try:
        return os.path.relpath(file, out)
    except ValueError:
        return str(file)  # On Windows, a file on another drive has no relative path.
