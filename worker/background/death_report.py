"""The death report: the watchdog process releases the leases of a worker that has died."""

from __future__ import annotations

import logging
import time
from collections import defaultdict

from redis.exceptions import RedisError

from roadmask.errors import RecordsUnavailable
from roadmask.settings import Settings
from storage.connections import connect_redis
from storage.jobs.scripts import JobScripts, Lease
from storage.workers import WorkerRegistry
from worker.background.in_flight import InFlightTable, calls, images_of
from worker.background.watched_worker import WatchedWorker

RETRY_S = 0.5

log = logging.getLogger(__name__)


def report_death(worker: WatchedWorker, table: InFlightTable) -> None:
    """Release the leases of a dead worker, name the suspects, and log the images in flight."""
    running = calls(table)
    log.error("the worker has died, with %s", images_of(running))
    suspects: defaultdict[str, list[int]] = defaultdict(list)
    for call in running:
        suspects[call.facts["job"]].append(call.facts["item"])
    leases = [entry.facts["lease"] for entry in table.entries() if "lease" in entry.facts]
    deadline = time.monotonic() + worker.lease_s
    with connect_redis(Settings(redis_url=worker.redis_url)) as redis:
        scripts = JobScripts(redis)
        while time.monotonic() < deadline:
            try:
                for job_id, chunk, token in leases:
                    scripts.release_chunk(Lease(job_id, chunk, token), suspects[job_id])
                WorkerRegistry(redis).remove(worker.worker_id)
                return
            except (RedisError, RecordsUnavailable):
                time.sleep(RETRY_S)
    log.error("Redis is unavailable: the leases of the worker expire by themselves")
