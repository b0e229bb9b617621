"""Sharing of jobs: a field of the record in Redis, and an object that survives an emptied Redis."""

from __future__ import annotations

import json
from typing import Any

from redis import Redis
from redis.exceptions import WatchError

from roadmask.errors import Conflict, InsufficientScope, JobNotFound, ObjectNotFound
from roadmask.schemas.media_types import JSON
from storage.access.caller import Caller
from storage.access.readers import Readers
from storage.connections import records_guard
from storage.jobs.keys import job_key
from storage.objects.keys import job_prefix
from storage.objects.store import ObjectStore
from storage.redis_text import text

READERS = "readers"
"""Field of a job's record, and member of the object."""


class JobSharing:
    """The readers of jobs. Every method raises `RecordsUnavailable` and `StoreUnavailable`."""

    def __init__(self, redis: Redis, store: ObjectStore) -> None:
        self._redis: Any = redis
        self._store = store

    def readers(self, caller: Caller, job_id: str) -> Readers:
        """The readers of a job of the caller. Raises like `share`."""
        with records_guard():
            exists, owner, readers = _parse(
                self._redis.hmget(job_key(job_id), "state", "owner", READERS)
            )
        if not exists or not (caller.sees(owner) or readers.include(caller.owner)):
            raise JobNotFound(f"There is no job {job_id!r}. Check the id.")
        if not caller.owns(owner):
            raise InsufficientScope("Only the key that a job belongs to shares it.")
        if owner is None:
            raise Conflict("This job belongs to no key, so every key reads it already.")
        return readers

    def share(self, caller: Caller, job_id: str, readers: Readers) -> Readers:
        """Let these keys, and no others, read a job of the caller.

        Raises `JobNotFound`, `InsufficientScope` for a job of another key, and `Conflict` for a job
        of no key.
        """
        self.readers(caller, job_id)
        # The store comes first, so that a rebuilt Redis grants everything that this one does.
        self._store.put(_key(job_id), json.dumps({READERS: str(readers)}).encode(), JSON)
        with records_guard(), self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(job_key(job_id))
                    if pipe.exists(job_key(job_id)):
                        pipe.multi()
                        pipe.hset(job_key(job_id), READERS, str(readers))
                        pipe.execute()
                    return readers
                except WatchError:
                    continue


def visible_jobs(redis: Any, job_ids: list[str], caller: Caller) -> list[str]:
    """Filter the jobs that the caller may read. Raises the errors of redis-py."""
    if caller.sees_all:
        return job_ids
    with redis.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hmget(job_key(job_id), "state", "owner", READERS)
        found = [_parse(fields) for fields in pipe.execute()]
    return [
        job_id
        for job_id, (_, owner, readers) in zip(job_ids, found, strict=True)
        if caller.sees(owner) or readers.include(caller.owner)
    ]


def stored_readers(store: ObjectStore, job_id: str) -> Readers:
    """The readers of a job in the object store. Raises `StoreUnavailable`."""
    try:
        return Readers.parse(str(json.loads(store.get(_key(job_id)))[READERS]))
    except (ObjectNotFound, ValueError, LookupError, TypeError):
        return Readers()


def _parse(fields: list[bytes | None]) -> tuple[bool, str | None, Readers]:
    state, owner, readers = fields
    return (
        state is not None,
        text(owner) if owner else None,
        Readers.parse(text(readers)) if readers else Readers(),
    )


def _key(job_id: str) -> str:
    return f"{job_prefix(job_id)}sharing.json"
