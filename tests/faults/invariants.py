"""What must hold after every fault, checked against the service and behind its back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import Any

from roadmask import Client
from roadmask.local.invariants import ExpectedItem, InvariantCheck, InvariantReport
from storage.backends import StorageBackends
from tests.faults.workload import AcceptedJob, Sample, Workload
from tests.harness.storage.key_leaks import find_key_leaks
from tests.harness.waiting import wait_until

WEBHOOK_PATIENCE_S = 60


def check(workload: Workload) -> InvariantReport:
    """Read everything about the jobs of a workload and list what does not hold."""
    service = workload.service
    with service.client() as client, closing(StorageBackends.open(service.settings())) as storage:
        invariants = InvariantCheck(client)
        for job in workload.jobs:
            expected = [_expected(workload, job, image) for image in job.images]
            has_all = workload.has_all_events and not job.is_damaged
            invariants.check(job.id, expected, has_all_events=has_all)
        report = invariants.report
        report.violations += chain(
            # Whoever destroys the record of a job destroys the address of its webhook, too.
            *(_wrong_webhooks(workload, job) for job in workload.jobs if not job.is_damaged),
            (f"no time to live: {key}" for key in find_key_leaks(storage.redis)),
            _unknown_jobs(workload, client),
            _unnamed_records(workload),
        )
    return report


def repeated_inferences(workload: Workload) -> int:
    """Inferences beyond the first of each image. They cost time, so they break no invariant."""
    counts = workload.service.inferences.count()
    images = {image.pixels_sha256 for job in workload.jobs for image in job.images}
    return sum(max(0, counts[fingerprint] - 1) for fingerprint in images)


def _expected(workload: Workload, job: AcceptedJob, image: Sample) -> ExpectedItem:
    return ExpectedItem(image.mask_sha256, job.is_damaged or image.width in workload.poison)


def _wrong_webhooks(workload: Workload, accepted: AcceptedJob) -> Iterator[str]:
    def told() -> list[dict[str, Any]]:
        calls = [call.body for call in workload.service.receiver.calls]
        return [body for body in calls if accepted.id in json.dumps(body)]

    try:
        wait_until(told, WEBHOOK_PATIENCE_S)
    except AssertionError:
        yield f"job {accepted.id} has called no webhook"
        return
    # On a busy machine the receiver may answer too late. Then the webhook has to be repeated.
    late = workload.service.logs().count(f"job {accepted.id}: webhook not delivered")
    if len(told()) > 1 + late:
        yield f"job {accepted.id} has called its webhook {len(told())} times"


def _unknown_jobs(workload: Workload, client: Client) -> Iterator[str]:
    """Jobs that the service has and no client was told of."""
    for job in client.jobs():
        if job.id not in workload.service.accepted_ids:
            yield f"job {job.id} was never acknowledged"


def _unnamed_records(workload: Workload) -> Iterator[str]:
    """Damaged records that no log names."""
    logs = workload.service.logs() if workload.damaged_keys else ""
    for key in workload.damaged_keys:
        if key not in logs:
            yield f"no log names the damaged record {key}"
