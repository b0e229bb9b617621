"""The keys that all jobs share: one that is not of its type is deleted, and made again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from redis import Redis

from roadmask.errors import RecordUnreadable
from roadmask.schemas.jobs import Lane
from storage.access.api_keys import REVISION as KEYS_REVISION
from storage.access.audit_log import STREAM
from storage.access.dataset_marker import parse_marker
from storage.access.ownership import DATASET_OWNERS
from storage.access.upload_index import OWNED_UPLOADS, UPLOAD_NAMES, UPLOADS_OF, USAGE
from storage.catalogue.index import DAMAGED
from storage.catalogue.spaces import OWNED, SHARED, SPACE_OF, TRUTH
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
from storage.queue import CELERY_KEYS, lane_key
from storage.redis_text import text, texts
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
    OWNED_UPLOADS: "hash",
    USAGE: "hash",
}
"""Types of the keys that the rebuild makes again."""
REBUILT_OF = {
    UPLOADS_OF: "hash",
    UPLOAD_NAMES: "hash",
    SPACE_OF: "zset",
}
"""Types of those of each owner, by their prefixes."""
KEPT = frozenset({DATASET_OWNERS, OWNED_UPLOADS})
"""Those that the rebuild replaces itself: without them, each dataset or upload would be shared by
all."""
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
    **CELERY_KEYS,
}
"""These, and those that their next writer makes again."""

log = logging.getLogger(__name__)


class SharedKeys:
    """The keys of Redis in which one wrong value would keep all jobs, workers or clients back."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def replace_damaged(self) -> None:
        """Delete each key of a wrong type. The rebuild that follows makes the indexes again."""
        if not self._replace(TYPES) & KEPT:
            self._replace(self._types_of_owners())

    def _types_of_owners(self) -> dict[str, str]:
        """Types of the keys of all that own uploads, and own or read datasets."""
        owners = set(texts(self._redis.hkeys(USAGE)))
        markers: list[Any] = self._redis.hvals(DATASET_OWNERS)
        for body in markers:
            with suppress(RecordUnreadable):
                marker = parse_marker(body, DATASET_OWNERS)
                owners.update((marker.owner, *marker.readers))
        types = {
            f"{prefix}{owner}": kind for prefix, kind in REBUILT_OF.items() for owner in owners
        }
        return types | {f"{SPACE_OF}{owner}{TRUTH}": "zset" for owner in owners}

    def _replace(self, types: Mapping[str, str]) -> set[str]:
        """Delete those of these keys that are not of their types; return which these are."""
        with self._redis.pipeline(transaction=False) as pipe:
            for key in types:
                pipe.type(key)
            found = dict(zip(types, map(text, pipe.execute()), strict=True))
        damaged = {key for key, kind in found.items() if kind not in (types[key], "none")}
        if not damaged:
            return damaged
        for key in damaged:
            log.error("%s is made again: it is no %s, but a %s", key, types[key], found[key])
        with self._redis.pipeline(transaction=True) as pipe:
            if gone := damaged - KEPT:
                pipe.delete(*gone)
            if damaged - (TYPES.keys() - REBUILT.keys()):
                pipe.hdel(EPOCH, "server")
            pipe.execute()
        return damaged
