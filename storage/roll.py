"""The roll of workers: who is alive, and what each tells about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from redis import Redis

from storage.connections import records_guard
from storage.replies import texts

ROLL = "rm:workers"
"""Set of the ids of workers, so that nobody has to look through all keys for them."""
TTL_S = 20
"""A worker that was not heard of for so long is taken for dead, seconds."""


class Roll:
    """Workers by their id. Every method raises `RecordsUnavailable` without Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @records_guard()
    def tell(self, worker_id: str, facts: Mapping[str, object]) -> None:
        """The worker lives, and these are its facts (JSON-able)."""
        with self._redis.pipeline() as pipe:
            pipe.set(_key(worker_id), json.dumps({"id": worker_id, **facts}), ex=TTL_S)
            pipe.sadd(ROLL, worker_id)
            pipe.execute()

    @records_guard()
    def leave(self, worker_id: str) -> None:
        """The worker has ended."""
        with self._redis.pipeline() as pipe:
            pipe.delete(_key(worker_id))
            pipe.srem(ROLL, worker_id)
            pipe.execute()

    @records_guard()
    def alive(self) -> list[dict[str, Any]]:
        """The facts of all living workers, in the order of their ids."""
        ids = sorted(texts(self._redis.smembers(ROLL)))
        if not ids:
            return []
        told = self._redis.mget([_key(worker_id) for worker_id in ids])
        silent = [worker_id for worker_id, facts in zip(ids, told, strict=True) if facts is None]
        if silent:
            self._redis.srem(ROLL, *silent)
        return [json.loads(facts) for facts in told if facts is not None]


def _key(worker_id: str) -> str:
    return f"rm:worker:{worker_id}"
