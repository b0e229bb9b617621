"""Search of datasets by the content of their images: by the figures of the latest complete job.

`note_dataset` in `storage/jobs/lua/job_record.lua` notes a job for a dataset when the job has
segmented it, or at its acceptance if no job has segmented the dataset before. So a job that waits
or was stopped does not hide the complete figures of an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis

from roadmask.errors import DatasetNotSegmented
from roadmask.schemas.images import ImagePage
from storage.access.caller import Caller
from storage.catalogue.catalogue import Catalogue
from storage.connections import records_guard
from storage.jobs.item_list import ItemQuery
from storage.jobs.keys import DATASET_JOBS, is_job_id
from storage.jobs.records import JobRecords
from storage.redis_text import text


class DatasetContent:
    """Lists images of datasets by content. Every method raises `RecordsUnavailable`."""

    def __init__(self, redis: Redis, records: JobRecords, catalogue: Catalogue) -> None:
        self._redis: Any = redis
        self._records = records
        self._catalogue = catalogue

    def latest_jobs(self, datasets: Sequence[str], caller: Caller) -> dict[str, str]:
        """The latest job for each of these datasets that the caller may see, if there is one."""
        owners = {"", caller.owner or ""}
        fields = [f"{owner}/{dataset}" for dataset in datasets for owner in owners]
        if not fields:
            return {}
        with records_guard():
            found = self._redis.hmget(DATASET_JOBS, fields)
        latest: dict[str, str] = {}
        for field, value in zip(fields, found, strict=True):
            job_id, dataset = text(value) if is_job_id(value) else "", field.partition("/")[2]
            if job_id > latest.get(dataset, "") and self._records.exists(job_id):
                latest[dataset] = job_id
        return latest

    def page(
        self, dataset: str, query: ItemQuery, limit: int, offset: int, caller: Caller
    ) -> ImagePage:
        """List images of a dataset that match, in the order of the query.

        Raises `DatasetNotSegmented` without a job, `ConditionUnclear`, and `InvalidRequest` for an
        unknown order.
        """
        job_id = self.latest_jobs([dataset], caller).get(dataset)
        if job_id is None:
            raise DatasetNotSegmented(
                f"No job has segmented the dataset {dataset!r}, so the content of its images is "
                'not known. Create a job: POST /v1/jobs with {"dataset": NAME}.'
            )
        items = self._records.item_list(job_id, query, limit, offset)
        found = self._catalogue.seen_by(caller).get_many([item.image_id for item in items.items])
        images = [image for image in found if image]
        return ImagePage(images=images, offset=offset, total=items.total)
