"""Sharing of jobs and datasets with other keys."""

from __future__ import annotations

from fastapi import APIRouter

from api.bodies.json_body import JsonRoute
from api.dependencies import ApiKeysDep, CallerDep, DatasetSharingDep, JobSharingDep
from api.errors import problems
from api.routes.datasets import DatasetNamePath
from roadmask.errors import Conflict, DatasetNotFound, DatasetTaken, InvalidRequest, JobNotFound
from roadmask.schemas.ownership.sharing import Sharing, SharingChange
from storage.access.api_keys import ApiKeys
from storage.access.readers import Readers

router = APIRouter(prefix="/v1", route_class=JsonRoute)

JOB_ERRORS = (JobNotFound, Conflict)
DATASET_ERRORS = (DatasetNotFound, DatasetTaken, Conflict)


@router.get(
    "/jobs/{job_id}/sharing",
    tags=["jobs"],
    summary="Who may read a job",
    responses=problems(*JOB_ERRORS),
)
def get_job_sharing(job_id: str, jobs: JobSharingDep, caller: CallerDep) -> Sharing:
    """The keys with which its owner shares it."""
    return _answer(jobs.readers(caller, job_id))


@router.put(
    "/jobs/{job_id}/sharing",
    tags=["jobs"],
    summary="Share a job",
    responses=problems(*JOB_ERRORS),
)
def put_job_sharing(
    job_id: str, change: SharingChange, jobs: JobSharingDep, keys: ApiKeysDep, caller: CallerDep
) -> Sharing:
    """Lets these keys read the job: its state, results, masks and previews.

    It replaces the sharing so far; `{}` ends it. The images themselves are shared with their
    dataset.
    """
    jobs.readers(caller, job_id)
    return _answer(jobs.share(caller, job_id, _readers(change, keys)))


@router.get(
    "/datasets/{name}/sharing",
    tags=["datasets"],
    summary="Who may read a dataset",
    responses=problems(*DATASET_ERRORS),
)
def get_dataset_sharing(
    name: DatasetNamePath, datasets: DatasetSharingDep, caller: CallerDep
) -> Sharing:
    """The keys with which its owner shares it."""
    return _answer(datasets.readers(caller, name))


@router.put(
    "/datasets/{name}/sharing",
    tags=["datasets"],
    summary="Share a dataset",
    responses=problems(*DATASET_ERRORS),
)
def put_dataset_sharing(
    name: DatasetNamePath,
    change: SharingChange,
    datasets: DatasetSharingDep,
    keys: ApiKeysDep,
    caller: CallerDep,
) -> Sharing:
    """Lets these keys read the dataset's images and truths, and use them in jobs.

    It replaces the sharing so far; `{}` ends it. Jobs that were accepted go on.
    """
    datasets.readers(caller, name)
    return _answer(datasets.share(caller, name, _readers(change, keys)))


def _readers(change: SharingChange, keys: ApiKeys) -> Readers:
    """The readers of a request. Raises `InvalidRequest` for a key that does not exist."""
    if change.keys:
        known = {key.id for key in keys.list() if key.revoked_ms is None}
        for key_id in change.keys:
            if key_id not in known:
                raise InvalidRequest(
                    f"There is no key with the id {key_id}. The id of a key is the 12 characters "
                    "after `rm_`; its owner may tell it, because it opens nothing."
                )
    return Readers.of(change.everyone, change.keys)


def _answer(readers: Readers) -> Sharing:
    return Sharing(everyone=readers.everyone, keys=list(readers.keys))
