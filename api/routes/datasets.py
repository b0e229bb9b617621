"""Datasets: names for uploaded images."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path

from api.bodies.json_body import JsonRoute
from api.dependencies import CallerDep, CatalogueDep, ContentDep, LinksDep
from api.errors import problems
from roadmask.errors import (
    BodyCompressed,
    DatasetTaken,
    ImageNotFound,
    InvalidId,
    TruthNotFound,
    UploadTooLarge,
)
from roadmask.schemas.ids import RESERVED, DatasetName
from roadmask.schemas.images import CatalogueEntry, Dataset, Image

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=JsonRoute)

MAX_ENTRIES = 10_000
"""Most entries of one request. Validation errors of more would take too much memory."""
DatasetNamePath = Annotated[DatasetName, Path(examples=["scenes"])]


@router.get("", summary="List datasets", responses=problems())
def list_datasets(catalogue: CatalogueDep, content: ContentDep, caller: CallerDep) -> list[Dataset]:
    """All datasets in order of name, each with its number of images and its latest job."""
    datasets = catalogue.datasets()
    jobs = content.latest_jobs([dataset.name for dataset in datasets], caller)
    return [
        dataset.model_copy(update={"latest_job": jobs.get(dataset.name)}) for dataset in datasets
    ]


@router.post(
    "/{name}/images",
    status_code=201,
    summary="Put uploaded images into a dataset",
    responses=problems(
        ImageNotFound, TruthNotFound, InvalidId, DatasetTaken, UploadTooLarge, BodyCompressed
    ),
)
def register_images(
    name: DatasetNamePath,
    entries: Annotated[
        list[CatalogueEntry],
        Body(
            max_length=MAX_ENTRIES,
            examples=[[{"name": "val/000001", "sha256": "0" * 64, "truth_sha256": None}]],
        ),
    ],
    catalogue: CatalogueDep,
    links: LinksDep,
) -> list[Image]:
    """Each image gets the id `dataset/name`. Its bytes must have been uploaded before.

    An existing entry of the same name is replaced.
    """
    for entry in entries:
        if entry.name.rpartition("/")[2] in RESERVED:
            raise InvalidId(
                f"{entry.name!r} cannot be the name of an image: its last part must not be one of "
                f"{', '.join(sorted(RESERVED))}. Rename the image."
            )
    images = catalogue.register(name, entries)
    return [links.image(image) for image in images]
