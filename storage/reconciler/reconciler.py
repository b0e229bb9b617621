"""The reconciler repairs what crashes, lost messages and an emptied Redis leave behind.

Every worker may run it, and one at a time does. All its steps are idempotent, so a leader that was
replaced while it was paused does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from roadmask.errors import RecordUnreadable, StoreUnavailable
from roadmask.schemas.jobs import Lane
from roadmask.settings import Settings
from storage.access.audit_log import AuditLog
from storage.connections import is_outage, records_guard
from storage.jobs.archive import JobArchive
from storage.jobs.job_file import delete_job
from storage.jobs.keys import (
    ACCEPTING,
    DUE_DELIVERIES,
    JOBS,
    RECONCILED,
    first_job_id,
    is_job_id,
    job_key,
    open_key,
)
from storage.jobs.results import Results
from storage.jobs.scripts import JobScripts, Reconciled
from storage.objects.store import ObjectStore
from storage.queue import JobQueue
from storage.reconciler.clock_watch import ClockWatch
from storage.reconciler.leadership import Leadership
from storage.reconciler.rebuild import Rebuild
from storage.reconciler.restorer import JobRestorer
from storage.reconciler.shared_keys import SharedKeys
from storage.redis_text import known_ids, now_ms

log = logging.getLogger(__name__)

MESSAGES = 8
"""Most messages for one job in one round."""
LANE_MESSAGES = 64
"""Most messages for an empty lane in one round."""
BATCH = 100
"""Jobs in one round trip."""
ABANDONED_MS = 60 * 60 * 1000
"""Time after which the acceptance of a job counts as abandoned, ms."""


@dataclass
class Repairs:
    """Numbers of repairs in one round."""

    leases: int = 0
    """Leases that expired."""
    messages: int = 0
    """Messages that were sent again."""
    expired: int = 0
    """Jobs that were finalized after their deadline."""
    archived: int = 0
    """Finalized jobs that were archived."""
    rebuilt: int = 0
    """Jobs that were restored from the object store."""
    images: int = 0
    """Images that were catalogued again."""
    abandoned: int = 0
    """Jobs that were never accepted, and whose objects were deleted."""


class Reconciler:
    """Reconciles all jobs, in rounds.

    A damaged record of an open job is replaced from the object store. A job that cannot be repaired
    is skipped and named in the log. A duty that fails does not stop the other duties.
    """

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        scripts: JobScripts,
        results: Results,
        archive: JobArchive,
        leadership: Leadership,
        rebuild: Rebuild,
        restorer: JobRestorer,
        queue: JobQueue,
        audit: AuditLog,
        settings: Settings,
    ) -> None:
        self._redis = redis
        self._store = store
        self._scripts = scripts
        self._results = results
        self._archive = archive
        self._leadership = leadership
        self._rebuild = rebuild
        self._restorer = restorer
        self._shared = SharedKeys(redis)
        self._queue = queue
        self._audit = audit
        self._lease_ms = int(settings.lease_s * 1000)
        self._retention_s = settings.retention_s
        self._clock = ClockWatch(redis, self._lease_ms)
        self._failing: dict[str, str] = {}
        """Errors of this round, by the duty or job that failed."""
        self._failed: dict[str, str] = {}
        """Errors of the previous round. The same error is not logged again in this round."""
        self._store_is_away = False
        """Whether a check of the store failed in this round. It is slow, so it is not repeated."""

    @records_guard()
    def run(self) -> Repairs:
        """Do one round, unless another process is the leader.

        Raises `RecordsUnavailable`. Raises `StoreUnavailable` after all duties that work without
        the store; the next round does the others.
        """
        repairs = Repairs()
        step_ms = self._clock.observe()
        self._shared.replace_damaged()
        if not self._leadership.take():
            return repairs
        self._failed, self._failing, self._store_is_away = self._failing, {}, False
        unavailable: StoreUnavailable | None = None
        duties: dict[str, Callable[[], object]] = {
            "the webhooks": lambda: self._bring_deliveries_forward(-step_ms),
            "the rebuild": lambda: self._restore_lost(repairs),
            "the records that could not be read": self._rebuild.retry_unreadable,
            **{f"the {lane} lane": partial(self._reconcile, lane, repairs) for lane in Lane},
            "the waiting items": self._count_waiting,
            "the archive": lambda: self._archive_finalized(repairs),
            "the abandoned jobs": lambda: self._delete_abandoned(repairs),
            "the list of jobs": self._drop_old_ids,
            "the audit log": self._audit.archive,
        }
        with self._leadership.kept():
            for what, duty in duties.items():
                try:
                    with self._alone(what):
                        duty()
                except StoreUnavailable as error:
                    unavailable = error
        self._report(repairs, unavailable)
        if unavailable:
            raise unavailable
        return repairs

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """Record and log an error of the `with` block. Raise it if Redis or the store is away."""
        try:
            yield
        except Exception as error:
            if is_outage(error):
                raise
            if isinstance(error, StoreUnavailable):
                self._check_store(error)
            # `repr` of a redis-py error leaves out the message of Redis.
            self._failing[what] = f"{what}: {type(error).__name__}: {error}"
            if self._failed.get(what) != self._failing[what]:
                log.error("%s", self._failing[what], exc_info=error)

    def _check_store(self, error: StoreUnavailable) -> None:
        """Raise the error if the whole store is unavailable, not only a single object."""
        if self._store_is_away:
            raise error
        try:
            self._store.check()
        except StoreUnavailable:
            self._store_is_away = True
            raise

    def _bring_deliveries_forward(self, step_ms: int) -> None:
        """Keep the pauses before deliveries unchanged after the clock was set back by `step_ms`."""
        if step_ms <= 0:
            return
        members: list[Any] = self._redis.zrange(DUE_DELIVERIES, 0, -1)
        for member in members:
            self._redis.zincrby(DUE_DELIVERIES, -step_ms, member)

    def _restore_lost(self, repairs: Repairs) -> None:
        repairs.rebuilt, repairs.images = self._rebuild.run()

    def _reconcile(self, lane: Lane, repairs: Repairs) -> None:
        budget = LANE_MESSAGES if self._queue.depth(lane) == 0 else 0
        for job_id, job in self._reconciled(lane):
            with self._alone(f"job {job_id}"):
                budget -= self._reconcile_job(job_id, lane, job, budget, repairs)

    def _reconcile_job(
        self,
        job_id: str,
        lane: Lane,
        job: Reconciled | Exception,
        budget: int,
        repairs: Repairs,
    ) -> int:
        """Carry out the repairs of one job. Returns how many messages of the `budget` it used."""
        if isinstance(job, RecordUnreadable):
            log.error("%s", job.detail)
            repairs.rebuilt += self._restorer.replace_damaged(job_id)
            return 0
        if isinstance(job, Exception):
            raise job
        for lease in job.expired_leases:
            log.warning("job %s: lease expired: %s", job_id, lease)
        repairs.leases += len(job.expired_leases)
        repairs.expired += job.expired
        messages = max(min(job.claimable, MESSAGES, budget), int(job.message_lost))
        if messages:
            self._queue.send(job_id, lane, messages)
            repairs.messages += messages
        for chunk in job.sealable:
            self._results.seal(job_id, chunk)
        return min(messages, budget)

    def _reconciled(self, lane: Lane) -> Iterator[tuple[str, Reconciled | Exception]]:
        ids = self._job_ids(lane)
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            jobs = self._scripts.reconcile_jobs(batch, self._lease_ms, self._clock.expected_ms())
            yield from zip(batch, jobs, strict=True)

    def _job_ids(self, lane: Lane) -> list[str]:
        """The open jobs of a lane."""
        members: list[Any] = self._redis.zrange(open_key(lane), 0, -1)
        return known_ids(self._redis, open_key(lane), members, is_job_id)

    def _count_waiting(self) -> None:
        """Count the waiting items anew, because replaced records leave the counts wrong."""
        for lane in Lane:
            self._scripts.count_waiting(lane)

    def _archive_finalized(self, repairs: Repairs) -> None:
        for job_id in self._archive.waiting():
            with self._alone(f"the archive of job {job_id}"):
                repairs.archived += self._archive.add(job_id)

    def _delete_abandoned(self, repairs: Repairs) -> None:
        """Delete the objects of jobs whose acceptance never ended because the API process died."""
        latest = now_ms(self._redis) - ABANDONED_MS
        members: list[Any] = self._redis.zrangebyscore(ACCEPTING, 0, latest, start=0, num=BATCH)
        for job_id in known_ids(self._redis, ACCEPTING, members, is_job_id):
            with self._alone(f"the abandoned job {job_id}"):
                # A score of 0 keeps the job from being accepted. If it was accepted just now, it
                # is not in the set, and nothing changes.
                self._redis.zadd(ACCEPTING, {job_id: 0}, xx=True)
                if self._redis.zscore(ACCEPTING, job_id) is not None:
                    delete_job(self._store, job_id)
                    self._redis.zrem(ACCEPTING, job_id)
                    repairs.abandoned += 1

    def _drop_old_ids(self) -> None:
        """Remove the ids of jobs whose records expired from the list of all jobs."""
        oldest = first_job_id(now_ms(self._redis) - self._retention_s * 1000)
        members: list[Any] = self._redis.zrangebylex(JOBS, "-", f"({oldest}", start=0, num=BATCH)
        for job_id in known_ids(self._redis, JOBS, members, is_job_id):
            if not self._redis.exists(job_key(job_id)):
                self._redis.zrem(JOBS, job_id)

    def _report(self, repairs: Repairs, unavailable: StoreUnavailable | None) -> None:
        """Log the repairs, and add them to the counters in Redis."""
        with self._redis.pipeline(transaction=False) as pipe:
            for kind, count in asdict(repairs).items():
                if count:
                    log.info("reconciler: %d %s", count, kind)
                    pipe.hincrby(RECONCILED, kind, count)
            failures = [unavailable.detail] if unavailable else [*self._failing.values()]
            error = "; ".join(failures)[:500]
            pipe.hincrby(RECONCILED, "rounds", 1)
            pipe.hset(RECONCILED, mapping={"last_ms": now_ms(self._redis), "error": error})
            try:
                pipe.execute()
            except ResponseError as fault:
                if is_outage(fault):
                    raise
                log.error("the counts of repairs begin again: %s", fault)
                self._redis.delete(RECONCILED)
