"""The death report: what the watchdog process does for a worker that has died."""

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
from worker.background.in_flight import InFlightTable, calls, in_hand
from worker.background.watched_worker import WatchedWorker

RETRY_S = 0.5

log = logging.getLogger(__name__)


def report_death(worker: WatchedWorker, table: InFlightTable) -> None:
    """Release the leases of a dead worker, with the suspects, and log what it had in hand."""
    running = calls(table)
    log.error("the worker has died, with %s", in_hand(running))
    suspects: defaultdict[str, list[int]] = defaultdict(list)
    for call in running:
        suspects[call.facts["job"]].append(call.facts["item"])
    leases = [e.facts["lease"] for e in table.entries() if "lease" in e.facts]
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
    log.error("Redis is away: the leases of the worker expire by themselves")
