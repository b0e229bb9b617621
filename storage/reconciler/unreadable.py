"""Unreadable stored records: each is skipped, logged and noted in Redis, and read again later."""

from __future__ import annotations

import logging

from redis import Redis

from roadmask.errors import ObjectNotFound, StoreUnavailable
from storage.connections import is_outage
from storage.jobs.keys import UNREADABLE
from storage.objects.store import ObjectStore
from storage.redis_text import texts

log = logging.getLogger(__name__)


class UnreadableRecords:
    """The records that the rebuild skipped, by their keys in the object store."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis = redis
        self._store = store

    def skip(self, key: str, error: Exception) -> None:
        """Note that a record is unreadable. Raises the error if it is an outage."""
        if is_outage(error):
            raise error
        if isinstance(error, ObjectNotFound):
            return  # It was deleted after it had been listed.
        if isinstance(error, StoreUnavailable):
            self._store.check()
        cause = f"{error}"[:500]
        if self._redis.hget(UNREADABLE, key) != cause.encode(errors="replace"):
            log.error("%s is skipped: %s", key, cause)
            self._redis.hset(UNREADABLE, key, cause)

    def forget(self, key: str) -> None:
        """Remove a record that is readable again or gone."""
        self._redis.hdel(UNREADABLE, key)

    def sample(self, limit: int) -> list[str]:
        """Return the keys of up to `limit` skipped records, in random order."""
        return texts(self._redis.hrandfield(UNREADABLE, limit) or [])

    def under(self, prefix: str) -> list[str]:
        """Return the keys of the skipped records with a prefix, sorted."""
        keys = texts(self._redis.hkeys(UNREADABLE))
        return sorted(key for key in keys if key.startswith(prefix))
