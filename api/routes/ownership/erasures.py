"""Deletion of images, truths, datasets and jobs, and the records of it."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from api.dependencies import CallerDep, EraserDep
from api.errors import problems
from api.routes.datasets import DatasetNamePath
from api.routes.images import ImageIdPath, Sha256
from roadmask.errors import (
    DatasetNotFound,
    ErasureNotFound,
    ImageNotFound,
    InvalidId,
    JobNotFound,
    TruthNotFound,
)
from roadmask.schemas.ownership.erasures import Erasure
from storage.erasure import erasure as stored

router = APIRouter(prefix="/v1")


@router.delete(
    "/images/{image_id:path}",
    status_code=202,
    tags=["images"],
    summary="Erase an image",
    responses=problems(ImageNotFound, InvalidId),
)
def delete_image(image_id: ImageIdPath, eraser: EraserDep, caller: CallerDep) -> Erasure:
    """Deletes the bytes under all names of the key, the thumbnail, masks, and results in jobs.

    Bytes that another key uploaded, too, or that all keys share, stay. An admin key erases them
    for all.
    """
    return _answer(eraser.image(caller, image_id))


@router.delete(
    "/truths/sha256-{sha256}",
    status_code=202,
    tags=["truths"],
    summary="Erase an annotated mask",
    responses=problems(TruthNotFound),
)
def delete_truth(sha256: Sha256, eraser: EraserDep, caller: CallerDep) -> Erasure:
    """Images that have it go on without a truth."""
    return _answer(eraser.truth(caller, sha256))


@router.delete(
    "/datasets/{name}",
    status_code=202,
    tags=["datasets"],
    summary="Erase a dataset with its images",
    responses=problems(DatasetNotFound, InvalidId),
)
def delete_dataset(
    name: DatasetNamePath,
    eraser: EraserDep,
    caller: CallerDep,
) -> Erasure:
    """Erases each image of the dataset that no other dataset and no other key has."""
    return _answer(eraser.dataset(caller, name))


@router.delete(
    "/jobs/{job_id}",
    status_code=202,
    tags=["jobs"],
    summary="Erase a job",
    responses=problems(JobNotFound),
)
def delete_job(job_id: str, eraser: EraserDep, caller: CallerDep) -> Erasure:
    """Deletes the record, results and deliveries. A running job is canceled first.

    The masks belong to the images and are deleted with them.
    """
    return _answer(eraser.job(caller, job_id))


@router.get(
    "/erasures/{erasure_id}",
    tags=["service"],
    summary="One erasure",
    responses=problems(ErasureNotFound),
)
def get_erasure(erasure_id: str, eraser: EraserDep, caller: CallerDep) -> Erasure:
    """What was deleted, and whether that is finished."""
    erasure = eraser.records.get(erasure_id)
    if not caller.sees_all and erasure.owner != caller.owner:
        raise ErasureNotFound(f"There is no erasure {erasure_id[:80]!r}. Check the id.")
    return _answer(erasure)


def _answer(erasure: stored.Erasure) -> Erasure:
    finished = erasure.finished_ms
    return Erasure(
        id=erasure.id,
        kind=erasure.kind.value,
        name=erasure.name,
        requested_at=datetime.fromtimestamp(erasure.requested_ms / 1000, UTC),
        finished_at=datetime.fromtimestamp(finished / 1000, UTC) if finished else None,
        objects=erasure.objects,
    )
