"""Registry of live workers, kept alive by their heartbeats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from redis import Redis

from storage.connections import records_guard
from storage.redis_text import texts

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
        """Register the worker, or extend its registration; `status` must be JSON-serialisable."""
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
    def list_live(self) -> list[dict[str, Any]]:
        """The last status of each live worker, ordered by worker id."""
        ids = sorted(texts(self._redis.smembers(WORKERS)))
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
                    # The clock of Redis was set back, or a copy of the key has no end.
                    pipe.expire(_key(worker_id), TTL_S)
            pipe.execute()
        return [status for status in map(_parsed, statuses) if status]


def _parsed(status: bytes | None) -> dict[str, Any] | None:
    """The status of a worker; None if it is dead, or what is there is not of a worker."""
    try:
        fields = json.loads(status or b"null")
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and isinstance(fields.get("id"), str) else None


def _key(worker_id: str) -> str:
    return f"rm:worker:{worker_id}"
