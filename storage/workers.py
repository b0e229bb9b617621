"""Registry of live workers, kept alive by their heartbeats."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import Field, FiniteFloat, ValidationError
from pydantic_core import from_json
from redis import Redis

from roadmask.schemas.models import QualityInfo
from roadmask.schemas.service import Worker
from storage.connections import records_guard

WORKERS = "rm:workers"
"""Set of worker ids, so that listing workers needs no scan over all keys."""
TTL_S = 20
"""Seconds after the last heartbeat until a worker counts as dead."""


class WorkerRegistry:
    """Workers by id. Every method raises `RecordsUnavailable` when Redis is unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @records_guard()
    def heartbeat(self, worker_id: str, status: Mapping[str, object]) -> None:
        """Register a worker, or extend its registration. `status` has members of `WorkerStatus`."""
        with self._redis.pipeline() as pipe:
            pipe.set(_key(worker_id), json.dumps({"id": worker_id, **status}), ex=TTL_S)
            pipe.sadd(WORKERS, worker_id)
            pipe.execute()

    @records_guard()
    def remove(self, worker_id: str) -> None:
        """Remove a worker that has stopped."""
        with self._redis.pipeline() as pipe:
            pipe.delete(_key(worker_id))
            pipe.srem(WORKERS, worker_id)
            pipe.execute()

    @records_guard()
    def list_live(self) -> list[WorkerStatus]:
        """The last status of each live worker, ordered by worker id."""
        # Members are not decoded: one that is no UTF-8 has no status, so it is removed as dead.
        ids = sorted(self._redis.smembers(WORKERS))
        if not ids:
            return []
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.mget([_key(worker_id) for worker_id in ids])
            for worker_id in ids:
                pipe.ttl(_key(worker_id))
            statuses, *lives = pipe.execute()
            for worker_id, status, life in zip(ids, statuses, lives, strict=True):
                if status is None:
                    pipe.srem(WORKERS, worker_id)
                elif not 0 <= life <= TTL_S:
                    # The clock of Redis was set back, or a restored key never expires.
                    pipe.expire(_key(worker_id), TTL_S)
            pipe.execute()
        return [status for status in map(_parsed, statuses) if status]


class WorkerStatus(Worker):
    """The facts of a worker's last heartbeat, with those that only the service itself uses."""

    host: str = ""
    images_per_second: FiniteFloat = 0.0
    own_model: str | None = None
    """The model with which the worker was started, as `name@version`."""
    models: list[str] = Field(default_factory=list)
    """Models that the worker has without the object store, as `name@version`."""
    qualities: dict[str, dict[str, QualityInfo]] = Field(default_factory=dict)
    """Qualities of `models`. A worker of an earlier version does not set this member."""
    ready: str | None = None
    """The last preload request whose version is loaded."""
    refused: list[str] = Field(default_factory=list)
    """Versions and preload requests that recently did not load."""
    unloadable: list[str] = Field(default_factory=list)
    """Models that the worker could not load, as the jobs name them."""


def _parsed(status: bytes | None) -> WorkerStatus | None:
    """Parse the status of a worker; None if the worker is dead or its status is damaged.

    A member that a later version writes in another shape counts as missing.
    """
    try:
        # Unlike `json`, this parser refuses invalid UTF-8 and brackets that are nested too deep.
        fields = from_json(status or b"null")
    except ValueError:
        return None
    try:
        return WorkerStatus.model_validate(fields)
    except ValidationError as error:
        wrong = {fault["loc"][:1] for fault in error.errors()}
        if not isinstance(fields, dict) or ("id",) in wrong:
            return None
        return WorkerStatus(**{key: fields[key] for key in fields if (key,) not in wrong})


def _key(worker_id: str | bytes) -> bytes:
    return b"rm:worker:" + (worker_id.encode() if isinstance(worker_id, str) else worker_id)
