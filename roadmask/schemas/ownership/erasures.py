"""Erasures: the record of what was deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from roadmask.schemas.ids import check_image_id, path_part
from roadmask.schemas.wire import Wire

ErasedKind = Literal["image", "truth", "dataset", "job"]
"""What can be erased."""


class Erasure(Wire):
    """The deletion of an image, a truth, a dataset or a job, with all that was made of it.

    What clients can reach is deleted at once. Masks and results in jobs follow within minutes:
    then the erasure is finished.
    """

    id: str
    kind: ErasedKind
    name: str
    """Id of the image or the job, name of the dataset, sha256 of the truth."""
    requested_at: datetime
    finished_at: datetime | None = None
    objects: int = 0
    """Stored objects that were deleted or rewritten so far."""


def erased_path(kind: ErasedKind, name: str) -> str:
    """The path at which something is deleted. Raises `InvalidId`."""
    if kind == "image":
        return f"/v1/images/{check_image_id(name)}"
    segment = path_part(name)
    return f"/v1/truths/sha256-{segment}" if kind == "truth" else f"/v1/{kind}s/{segment}"
