"""Keys of Redis that all jobs share. A key of a wrong type is deleted and made again."""

from __future__ import annotations

import logging

from redis import Redis

from roadmask.schemas.jobs import Lane
from storage.access.api_keys import REVISION as KEYS_REVISION
from storage.access.audit_log import STREAM
from storage.access.ownership import DATASET_OWNERS
from storage.catalogue.index import DAMAGED
from storage.catalogue.spaces import OWNED, SHARED, TRUTH
from storage.catalogue.truths import SIZES
from storage.jobs.keys import (
    ACCEPTING,
    DATASET_JOBS,
    DUE_DELIVERIES,
    EPOCH,
    FINALIZING,
    JOBS,
    RECONCILED,
    RECONCILER,
    UNREADABLE,
    WAITING,
    open_key,
)
from storage.models.deployments import PRELOAD, REVISION
from storage.queue import lane_key
from storage.redis_text import text
from storage.workers import WORKERS

REBUILT = {
    JOBS: "zset",
    **{open_key(lane): "zset" for lane in Lane},
    DATASET_JOBS: "hash",
    FINALIZING: "set",
    DUE_DELIVERIES: "zset",
    EPOCH: "hash",
    UNREADABLE: "hash",
    **{f"{space}{suffix}": "zset" for space in (SHARED, OWNED) for suffix in ("", TRUTH)},
    DATASET_OWNERS: "hash",
}
"""Types of the keys that the rebuild makes again."""
KEPT = frozenset({DATASET_OWNERS})
"""Keys that only the rebuild may delete: without its owner, a dataset would be shared by all."""
TYPES = REBUILT | {
    ACCEPTING: "zset",
    WAITING: "hash",
    RECONCILER: "string",
    RECONCILED: "hash",
    WORKERS: "set",
    STREAM: "stream",
    KEYS_REVISION: "string",
    REVISION: "string",
    PRELOAD: "string",
    DAMAGED: "set",
    SIZES: "hash",
    **{lane_key(lane): "list" for lane in Lane},
}
"""Types of all shared keys: those of `REBUILT`, and those that their next writer makes again."""

log = logging.getLogger(__name__)


class SharedKeys:
    """Keys in which one wrong value would stop all jobs, workers or clients."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def replace_damaged(self) -> None:
        """Delete each key of a wrong type. The rebuild that follows makes the indexes again."""
        with self._redis.pipeline(transaction=False) as pipe:
            for key in TYPES:
                pipe.type(key)
            found = dict(zip(TYPES, map(text, pipe.execute()), strict=True))
        damaged = [key for key, kind in found.items() if kind not in (TYPES[key], "none")]
        if not damaged:
            return
        for key in damaged:
            log.error("%s is replaced: it is a %s instead of a %s", key, found[key], TYPES[key])
        with self._redis.pipeline(transaction=True) as pipe:
            if gone := [key for key in damaged if key not in KEPT]:
                pipe.delete(*gone)
            if REBUILT.keys() & damaged:
                pipe.hdel(EPOCH, "server")
            pipe.execute()
