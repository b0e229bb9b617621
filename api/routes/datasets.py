"""Datasets: names for uploaded images."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import TypeAdapter

from api.auth import require_key
from api.backends import Wired
from api.bodies import json_body
from api.errors import problems
from api.openapi import json_request, ref
from roadmask.errors import (
    ImageNotFound,
    InvalidId,
    TruthNotFound,
    UnsupportedFormat,
    UploadTooLarge,
)
from roadmask.images import CatalogueEntry, Dataset, Image
from roadmask.jobs import SEGMENT

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], dependencies=[Depends(require_key)])

RESERVED = frozenset({"content", "truth", "thumbnail"})
"""Last parts of an id that the addresses below an image already mean something by."""


@router.get("", summary="List datasets", responses=problems())
def list_datasets(backends: Wired) -> list[Dataset]:
    """All datasets by name, with their numbers of images."""
    return backends.catalogue.datasets()


@router.post(
    "/{name}/images",
    status_code=201,
    summary="Put uploaded images into a dataset",
    openapi_extra=json_request(
        {"type": "array", "items": ref(CatalogueEntry)},
        [{"name": "val/000001", "sha256": "0" * 64, "truth_sha256": None}],
    ),
    responses=problems(ImageNotFound, TruthNotFound, InvalidId, UploadTooLarge, UnsupportedFormat),
)
def register_images(
    name: Annotated[str, Path(pattern=f"^{SEGMENT}$", examples=["scenes"])],
    entries: Annotated[list[CatalogueEntry], Depends(json_body(TypeAdapter(list[CatalogueEntry])))],
    backends: Wired,
) -> list[Image]:
    """Each image gets the id `dataset/name`; the bytes must have been uploaded before.

    An entry of the same name is replaced.
    """
    for entry in entries:
        if entry.name.rpartition("/")[2] in RESERVED:
            raise InvalidId(
                f"{entry.name!r} cannot be the name of an image: its last part is one of "
                f"{', '.join(sorted(RESERVED))}, which addresses use. Rename it."
            )
    images = backends.catalogue.register(name, entries)
    return [backends.links.image(image) for image in images]
