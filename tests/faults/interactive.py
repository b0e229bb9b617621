"""How long interactive images wait while suspects of a batch job run alone on the same worker."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from roadmask import Client
from storage.jobs.keys import events_key
from tests.faults.service import FaultyService
from tests.faults.workload import Sample, Workload
from tests.harness.waiting import wait_until
from tests.servers.process import START_S

BATCH = 60
IDLE = 20
"""Interactive images of a round without a batch job."""


@dataclass
class Waits:
    """Seconds that interactive images took."""

    idle_s: list[float] = field(default_factory=list)
    suspects_s: list[float] = field(default_factory=list)
    suspects: int = 0
    """Batch images that ran alone."""


def measure_round(service: FaultyService, waits: Waits) -> None:
    """Measure an idle worker, then one that was killed with images in hand and runs them alone.

    The worker dies with its watchdog process. So all images in hand are suspects.
    """
    service.heal()
    (worker,) = service.workers
    with service.client() as client:
        waits.idle_s += [_segment(client) for _ in range(IDLE)]
        workload = Workload(service)
        job = workload.submit([Sample.make() for _ in range(BATCH)])
        workload.wait_for_share(0.2)
        before = _consuming(client)
        worker.kill_with_children()
        # The entry of the dead worker stays for some seconds.
        wait_until(lambda: _consuming(client) - before, START_S)
        during = []
        while client.job(job.id).finished_at is None:
            begun = time.time()
            during.append((begun, _segment(client)))
        suspects = {item.index for item in client.results(job.id) if item.attempts > 1}
    ends = _ends(service, job.id)
    last = max((ends[index] for index in suspects), default=0.0)
    waits.suspects += len(suspects)
    waits.suspects_s += [seconds for begun, seconds in during if begun < last]


def _segment(client: Client) -> float:
    """Seconds of one new image in the interactive lane, with its upload."""
    data = Sample.make().data
    begun = time.monotonic()
    job = client.submit(files=[data], lane="interactive", wait=30)
    client.wait(job)
    return time.monotonic() - begun


def _consuming(client: Client) -> set[int | None]:
    """Process ids of the workers that consume."""
    return {worker.pid for worker in client.service().workers if worker.consuming}


def _ends(service: FaultyService, job_id: str) -> dict[int, float]:
    """When each item of a job ended, by Redis's clock."""
    with service.redis() as redis:
        events = redis.xrange(events_key(job_id))
    return {
        json.loads(event[b"data"])["index"]: int(place.partition(b"-")[0]) / 1000
        for place, event in events
        if event[b"type"] == b"item"
    }
