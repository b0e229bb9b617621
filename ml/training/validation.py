"""Validation: what the images that a run is measured on must have."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.data.samples import read_pair
from roadmask.errors import InvalidRequest
from roadmask.images.image_files import list_images
from roadmask.images.layouts import Sample
from roadmask.masks.taxonomy import CITYSCAPES, Taxonomy

_log = logging.getLogger(__name__)


def check_folders(folders: Sequence[Path]) -> None:
    """Raise `InvalidRequest` if a part of these folders cannot be listed: what is published is
    measured on all of their images, at the end of a run.
    """
    for folder in folders:
        for place, cause in list_images(folder).unreadable.items():
            raise InvalidRequest(
                f"{place}/ of {folder} cannot be listed: {cause}. Make it readable, or name other "
                "images with --val."
            )


def check_validation(samples: Sequence[Sample], taxonomy: Taxonomy = CITYSCAPES) -> None:
    """Read all validation samples once, before an epoch is spent; warn of missing categories.

    Raises the errors of `read_pair`, and `InvalidRequest` if no pixel is annotated: every epoch
    would score the same.
    """
    if not samples:
        return
    seen: set[int] = set()
    for sample in samples:
        _, truth = read_pair(sample)
        seen.update(np.unique(truth).tolist())
    missing = [taxonomy.names[index] for index in taxonomy.real if index not in seen]
    if len(missing) == len(taxonomy.real):
        raise InvalidRequest(
            f"None of the {len(samples)} validation images has an annotated pixel, such as "
            f"{samples[0].image}. Name other images with --val, or none."
        )
    if missing:
        _log.warning(
            "No pixel of the validation images is annotated as %s: the mean IoU is that of the "
            "categories that occur.",
            ", ".join(missing),
        )
