"""Images with their annotated masks, from folders of any layout that Roadmask knows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageUnreadable, InvalidRequest, ItemError
from roadmask.folders import Sample, find_samples, read_truth
from roadmask.pixels import decode

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""An image, RGB uint8 (H, W, 3), and its truth, categories uint8 (H, W)."""

MAX_PIXELS = 200_000_000
"""A data set is its user's own: the limit only keeps nonsense out."""


def annotated_samples(folder: Path) -> list[Sample]:
    """The samples of a folder that have a truth. Raises `InvalidRequest` when there are none."""
    samples = [sample for sample in find_samples(folder) if sample.truth is not None]
    if not samples:
        raise InvalidRequest(
            f"{folder} has images but no annotated masks. Put them beside the images, as "
            "images/ and masks/, or in the layout of Cityscapes or CamVid."
        )
    return samples


def count_samples(folders: Iterable[Path]) -> dict[str, int]:
    """How many annotated samples each folder has, by `dataset_name`."""
    return {dataset_name(folder): len(annotated_samples(folder)) for folder in folders}


def dataset_name(folder: Path) -> str:
    """The last two parts of a folder's path, such as `camvid8/train`: where it lies is no one's
    business but the user's."""
    return "/".join(folder.resolve().parts[-2:])


def read_pair(sample: Sample) -> Pair:
    """The image and truth of a sample.

    Raises `InvalidRequest` when their sizes differ or the mask is broken, and what `decode` raises,
    with the file's name.
    """
    try:
        image = decode(sample.image.read_bytes(), MAX_PIXELS)
    except OSError as error:
        raise ImageUnreadable(f"{sample.image} cannot be read: {error.strerror}.") from error
    except ItemError as error:
        raise type(error)(f"{sample.image}: {error.detail}") from error
    truth = read_truth(sample)
    if image.shape[:2] != truth.shape:
        raise InvalidRequest(
            f"{sample.image} is {image.shape[1]}x{image.shape[0]} pixels, but its mask "
            f"{sample.truth} is {truth.shape[1]}x{truth.shape[0]}."
        )
    return image, truth
