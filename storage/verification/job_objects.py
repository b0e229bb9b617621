"""Verifies the objects of jobs: requests, manifests, sealed results and final records."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roadmask.errors import RecordUnreadable
from storage.jobs.archive import JobArchive, read_final_record
from storage.jobs.job_file import read_job_file
from storage.jobs.manifest import count_damaged
from storage.jobs.results import parse_sealed
from storage.objects.keys import JOB_FOLDERS
from storage.objects.store import ObjectStore
from storage.verification.checked import Checked, check_each

_KEY = re.compile(r"jobs/([^/]+)/(job\.json|done\.json|manifest|results)(?:/|$)")


def verify_jobs(store: ObjectStore, archive: JobArchive, *, repair: bool) -> Iterator[Checked]:
    """Read all objects of all jobs."""

    def check(key: str) -> Checked | None:
        match = _KEY.match(key)
        if match is None:
            return None
        job_id, part = match.groups()
        try:
            fault = _fault(store, key, job_id, part)
        except RecordUnreadable as error:
            fault = error.detail
        if fault and repair and part == "done.json" and archive.add(job_id):
            return Checked(key, fault, "it is written again from Redis")
        return Checked(key, fault)

    return check_each(store, store.keys(JOB_FOLDERS), check)


def _fault(store: ObjectStore, key: str, job_id: str, part: str) -> str | None:
    if part == "job.json":
        damaged = read_job_file(store, job_id).items.count(None)
        return f"{damaged} of its items cannot be read" if damaged else None
    if part == "done.json":
        read_final_record(store, job_id)
        return None
    if part == "manifest":
        damaged = count_damaged(store, key)
        return f"{damaged} of its items cannot be read, and fail" if damaged else None
    _, whole = parse_sealed(store, key)
    return None if whole else "some of its results cannot be read: new jobs find the masks"
