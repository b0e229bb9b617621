"""The state of the whole service in Redis, for readiness checks and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from roadmask.errors import RecordsUnavailable
from roadmask.schemas.jobs import Lane
from storage.connections import records_guard
from storage.jobs.keys import WAITING, open_key
from storage.queue import lane_key
from storage.reconciler.report import ReconcilerReport, read_report
from storage.redis_text import count
from storage.workers import WorkerRegistry, WorkerStatus

PROBE = "rm:probe"
"""Key that readiness checks write; expires."""
PROBE_TTL_S = 60


@dataclass(frozen=True, slots=True)
class LaneState:
    """The open jobs of one lane."""

    messages: int
    jobs: int
    items: int
    """Items that have not ended."""
    oldest_s: float
    """Age of the oldest open job, seconds; 0 without any."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Queues, workers and reconciler at one moment."""

    lanes: dict[Lane, LaneState]
    workers: list[WorkerStatus]
    reconciler: ReconcilerReport
    write_error: RecordsUnavailable | None
    """Why Redis answers but cannot write; None if it can."""

    def consumers(self, lane: Lane) -> list[WorkerStatus]:
        """The workers that consume the lane."""
        # A worker of an earlier version does not say what it consumes, only what it serves.
        return [
            worker
            for worker in self.workers
            if lane in (worker.lanes if worker.consuming is None else worker.consuming)
        ]


@records_guard()
def read_service_state(redis: Redis) -> ServiceState:
    """Read the state, and try a write. Raises `RecordsUnavailable`."""
    return ServiceState(
        lanes={lane: _read_lane(redis, lane) for lane in Lane},
        workers=WorkerRegistry(redis).list_live(),
        reconciler=read_report(redis),
        write_error=_write(redis),
    )


def _read_lane(redis: Redis, lane: Lane) -> LaneState:
    with redis.pipeline(transaction=False) as pipe:
        pipe.llen(lane_key(lane))
        pipe.zcard(open_key(lane))
        pipe.hget(WAITING, lane)
        pipe.zrange(open_key(lane), 0, 0, withscores=True)
        pipe.time()
        messages, jobs, items, oldest, (seconds, micros) = pipe.execute()
    now_ms = int(seconds) * 1000 + int(micros) / 1000
    oldest_s = max(0.0, (now_ms - oldest[0][1]) / 1000) if oldest else 0.0
    return LaneState(messages, jobs, count(items), oldest_s)


def _write(redis: Redis) -> RecordsUnavailable | None:
    try:
        with records_guard():
            redis.set(PROBE, b"written", ex=PROBE_TTL_S)
    except RecordsUnavailable as error:
        return error
    return None
