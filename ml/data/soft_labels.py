"""Soft labels: a teacher's probabilities of the categories at every pixel of an image.

They lie beside the masks of a data set, and a recipe may learn from both. Source: Hinton, Vinyals
and Dean, Distilling the Knowledge in a Neural Network, 2015, at temperature 1.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from roadmask.atomic import replacing
from roadmask.errors import InvalidRequest
from roadmask.images.layouts import Sample
from roadmask.masks.taxonomy import CITYSCAPES

FOLDER = "soft"
"""Beside `images/` and `masks/`: a file for each image, named like it."""
CERTAIN = 255
"""What is stored for a probability of 1."""


def write_soft_labels(file: Path, probabilities: NDArray[np.float32]) -> None:
    """Store probabilities float32 (n, H, W) of the real categories."""
    stored = np.rint(probabilities.transpose(1, 2, 0) * CERTAIN).astype(np.uint8)
    with replacing(file) as draft, draft.open("wb") as stream:
        np.savez_compressed(stream, probabilities=stored)


def with_soft_labels(sample: Sample, truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The truth (H, W) and the soft labels of all categories: uint8 (H, W, 1 + n).

    Of a sample without soft labels, the truth is certain. Void has no probability. Raises
    `InvalidRequest` if the file is damaged or of another size than the truth.
    """
    real = list(CITYSCAPES.real)
    target = np.zeros((*truth.shape, 1 + len(CITYSCAPES)), np.uint8)
    target[..., 0] = truth
    planes = target[..., 1:]
    file = _file(sample)
    if file.exists():
        planes[..., real] = _read(file, (*truth.shape, len(real)))
    else:
        planes[..., real] = np.where(truth[..., None] == real, CERTAIN, 0)
    return target


def _file(sample: Sample) -> Path:
    images = sample.image.parents[len(PurePosixPath(sample.filename).parts) - 1]
    return images.parent / FOLDER / f"{sample.filename}.npz"


def _read(file: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        with file.open("rb") as stream, np.load(stream) as stored:
            planes: NDArray[np.uint8] = stored["probabilities"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidRequest(
            f"{file} does not hold soft labels: {error}. Make it anew with pseudo-label."
        ) from error
    if planes.shape != shape or planes.dtype != np.uint8:
        raise InvalidRequest(
            f"{file} has soft labels of shape {planes.shape}, but the image needs {shape}. "
            "Make it anew with pseudo-label."
        )
    return planes
