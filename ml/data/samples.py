"""Samples: images with their annotated masks, from folders of any known layout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadmask.errors import ImageUnreadable, InvalidRequest, ItemError
from roadmask.images.decoding import decode
from roadmask.images.layouts import Sample, find_samples, read_truth
from roadmask.images.reading import AS_FOUND, Reading

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""An image, RGB uint8 (H, W, 3), and its truth, categories uint8 (H, W)."""

MAX_PIXELS = 200_000_000
"""Pixel limit of training images. The data are the user's own, so it only excludes nonsense."""


def annotated_samples(folder: Path, reading: Reading = AS_FOUND) -> list[Sample]:
    """The samples of a folder that have a truth. Raises `InvalidRequest` if there are none."""
    samples = [sample for sample in find_samples(folder, reading) if sample.truth is not None]
    if not samples:
        raise InvalidRequest(
            f"{folder} has images but no annotated masks. Put them beside the images, as "
            "images/ and masks/, or in the layout of a public data set."
        )
    return samples


def count_samples(folders: Iterable[Path], reading: Reading = AS_FOUND) -> dict[str, int]:
    """Number of annotated samples of each folder, by `dataset_name`."""
    return {dataset_name(folder): len(annotated_samples(folder, reading)) for folder in folders}


def dataset_name(folder: Path) -> str:
    """The last two parts of a folder's path, such as `camvid8/train`. The rest of the path is
    private.
    """
    return "/".join(folder.resolve().parts[-2:])


def read_pair(sample: Sample) -> Pair:
    """The image and truth of a sample.

    Raises `InvalidRequest` if their sizes differ or the mask is damaged, and the errors of `decode`
    with the file's name.
    """
    try:
        image = decode(sample.image.read_bytes(), MAX_PIXELS, pixels=sample.pixels)
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
