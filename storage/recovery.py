"""Recovery: what crashes, lost messages and an emptied Redis leave behind is put right.

Every process may run it; one at a time does. All it does is safe to do twice, so a leader that
was replaced while it slept does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from redis import Redis

from roadmask.jobs import Lane
from roadmask.settings import Settings
from storage.connections import records_guard
from storage.dispatch import Dispatch
from storage.endings import Endings
from storage.job_keys import CLOSING, JOBS, RECONCILER, first_job_id, job_key, open_key
from storage.objects import ObjectStore
from storage.rebuild import Rebuild
from storage.replies import text, texts
from storage.results import Results
from storage.scripts import Scripts

log = logging.getLogger(__name__)

MESSAGES = 8
"""Messages sent for one job at a time."""
LANE_MESSAGES = 64
"""Messages that an empty lane is filled with at a time."""
BATCH = 100
"""Jobs tended in one round trip."""


class Recovery:
    """One round of looking after all jobs."""

    def __init__(
        self, redis: Redis, store: ObjectStore, settings: Settings, dispatch: Dispatch
    ) -> None:
        self._redis = redis
        self._dispatch = dispatch
        self._scripts = Scripts(redis)
        self._results = Results(redis, store)
        self._endings = Endings(redis, store, settings)
        self._rebuild = Rebuild(redis, store, settings)
        self._lease_ms = int(settings.lease_s * 1000)
        self._retention_s = settings.retention_s
        self._name = uuid4().hex
        self._lead_ms = int(max(3 * settings.reconcile_s, 1.0) * 1000)

    @records_guard()
    def run(self) -> dict[str, int]:
        """Do one round, unless another process leads; what was put right, by kind.

        `leases` that ran out, `messages` sent again, `expired` jobs, `finished` jobs made whole in
        the object store, `rebuilt` jobs and `images`. Raises `RecordsUnavailable` and
        `StoreUnavailable`; the next round goes on with what is left.
        """
        done = dict.fromkeys(("leases", "messages", "expired", "finished", "rebuilt", "images"), 0)
        if not self._leads():
            return done
        done["rebuilt"], done["images"] = self._rebuild.run()
        for lane in Lane:
            self._tend(lane, done)
        done["finished"] = self._finish()
        self._forget()
        for what, count in done.items():
            if count:
                log.info("recovery: %d %s", count, what)
        return done

    def _leads(self) -> bool:
        mine = self._name.encode()
        if self._redis.set(RECONCILER, mine, nx=True, px=self._lead_ms):
            return True
        if self._redis.get(RECONCILER) != mine:
            return False
        return bool(self._redis.pexpire(RECONCILER, self._lead_ms))

    def _tend(self, lane: Lane, done: dict[str, int]) -> None:
        room = LANE_MESSAGES if self._dispatch.depth(lane) == 0 else 0
        for job_id, (expired, chunks, lost, sealable, ended) in self._tended(lane):
            for lease in ended:
                log.warning("job %s: lease ran out: %s", job_id, text(lease))
            done["leases"] += len(ended)
            done["expired"] += expired
            copies = max(min(chunks, MESSAGES, room), lost)
            room -= min(copies, room)
            if copies:
                self._dispatch.send(job_id, lane, copies)
                done["messages"] += copies
            for chunk in sealable:
                self._results.seal(job_id, int(chunk))

    def _tended(self, lane: Lane) -> Iterator[tuple[str, Any]]:
        # A restart stops the clock of all leases: those who hold them get time to renew.
        uptime_s = int(self._redis.info("server")["uptime_in_seconds"])
        may_run_out = int(uptime_s * 1000 >= self._lease_ms)
        ids = texts(self._redis.zrange(open_key(lane), 0, -1))
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            with self._redis.pipeline(transaction=False) as pipe:
                for job_id in some:
                    self._scripts.run("tend", job_id, self._lease_ms, may_run_out, client=pipe)
                yield from zip(some, pipe.execute(), strict=True)

    def _finish(self) -> int:
        ids = sorted(texts(self._redis.smembers(CLOSING)))
        return sum(self._endings.finish(job_id) for job_id in ids)

    def _forget(self) -> None:
        """Drop ids from the list of jobs whose records' time to live is over."""
        seconds, _ = self._redis.time()
        oldest = first_job_id((seconds - self._retention_s) * 1000)
        ids = self._redis.zrangebylex(JOBS, "-", f"({oldest}", start=0, num=BATCH)
        for job_id in texts(ids):
            if not self._redis.exists(job_key(job_id)):
                self._redis.zrem(JOBS, job_id)
