"""Rebuilds job records from the object store after Redis was restarted or emptied."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import NamedTuple

from redis import Redis, WatchError

from roadmask.errors import ObjectNotFound
from storage.catalogue.catalogue import Catalogue
from storage.catalogue.dataset_sharing import DatasetSharing
from storage.jobs.keys import EPOCH, JOB_ID
from storage.objects.keys import JOB_FOLDERS, job_file_key
from storage.objects.listing import listed_keys
from storage.objects.store import ObjectStore
from storage.reconciler.restorer import JobRestorer, StoredJob
from storage.reconciler.unreadable import UnreadableRecords
from storage.redis_text import now_ms, text

MARGIN_MS = 60 * 60 * 1000
"""Margin for the difference of clocks and for the writes that Redis may lose in a crash, ms."""
RETRY_S = 60.0
"""Pause until unreadable records are read again, seconds."""
RETRIED = 100
"""Most unreadable records that are read again at once."""

log = logging.getLogger(__name__)


class Restored(NamedTuple):
    """Number of jobs and of catalogued images that were restored."""

    jobs: int
    images: int


class Rebuild:
    """Makes sure that Redis has every accepted job whose retention has not ended."""

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        catalogue: Catalogue,
        sharing: DatasetSharing,
        restorer: JobRestorer,
        unreadable: UnreadableRecords,
    ) -> None:
        self._redis = redis
        self._store = store
        self._catalogue = catalogue
        self._sharing = sharing
        self._restorer = restorer
        self._unreadable = unreadable
        self._retry_at = 0.0

    def run(self) -> Restored:
        """Restore what Redis lost when it was restarted or emptied.

        A Redis without an epoch was emptied, or is new: everything is restored. A restarted Redis
        may have lost its last writes: the jobs that were accepted around that time are checked.
        Unreadable records are skipped, and read again every minute.
        """
        self._redis.hsetnx(EPOCH, "begun", now_ms(self._redis))
        with self._redis.pipeline() as pipe:
            # If Redis is emptied again during the rebuild, the epoch is not written.
            pipe.watch(EPOCH)  # type: ignore[no-untyped-call]
            server, seen = self._redis.hmget(EPOCH, ["server", "seen"])
            restored = self._restore_since(server, seen)
            pipe.multi()
            pipe.hset(EPOCH, mapping={"server": self._server(), "seen": now_ms(self._redis)})
            with suppress(WatchError):
                pipe.execute()
        return restored

    def retry_unreadable(self) -> None:
        """Read some of the unreadable records again, at most once a minute."""
        if time.monotonic() < self._retry_at:
            return
        self._retry_at = time.monotonic() + RETRY_S
        for key in self._unreadable.sample(RETRIED):
            try:
                self._restore_key(key)
            except Exception as error:
                self._unreadable.skip(key, error)

    def _restore_since(self, server: bytes | str | None, seen: bytes | str | None) -> Restored:
        if server is None or seen is None or not seen.isdigit():
            # Jobs come first: they need no catalogue, and an error in it must not delay them.
            jobs = self._restore(self._stored_jobs(JOB_FOLDERS))
            return Restored(jobs, self._catalogue.rebuild(self._unreadable.skip))
        if text(server, errors="replace") != self._server():
            return Restored(self._restore(self._recent_jobs(int(seen))), images=0)
        return Restored(jobs=0, images=0)

    def _restore(self, jobs: Iterable[StoredJob]) -> int:
        restored = 0
        # The newest first: if an API was killed before it answered and the client repeated its
        # request, two jobs have one Idempotency-Key, and the client knows the newer one.
        for job in sorted(jobs, reverse=True):
            try:
                restored += self._restorer.restore(job)
            except Exception as error:
                self._unreadable.skip(job_file_key(job.id), error)
        return restored

    def _restore_key(self, key: str) -> None:
        kind, _, rest = key.partition("/")
        try:
            if not rest:
                self._restore_folder(key)
            elif kind == "catalogue":
                self._catalogue.restore(key)
            elif kind == "jobs":
                self._restorer.restore_again(rest.partition("/")[0])
            elif kind == "datasets":
                self._sharing.restore(key)
            else:
                return  # The marker of an upload: only the next rebuild reads it again.
        except ObjectNotFound:
            log.info("%s was deleted", key)
        self._unreadable.forget(key)

    def _restore_folder(self, prefix: str) -> None:
        """Restore the records under a prefix whose listing was incomplete."""
        for _ in self._store.keys(prefix):
            pass
        if prefix == JOB_FOLDERS:
            self._restore(self._stored_jobs(prefix))
        else:
            self._catalogue.rebuild(self._unreadable.skip)

    def _recent_jobs(self, seen: int) -> Iterator[StoredJob]:
        """Find the jobs that were accepted since Redis was last seen, by the time in their ids."""
        first, last = seen - MARGIN_MS, now_ms(self._redis) + MARGIN_MS
        for minute in range(first >> 16, (last >> 16) + 1):
            yield from self._stored_jobs(f"{JOB_FOLDERS}{minute:08x}")

    def _stored_jobs(self, prefix: str) -> Iterator[StoredJob]:
        def skip(_: str, error: Exception) -> None:
            self._unreadable.skip(JOB_FOLDERS, error)

        keys = (key.split("/", 3) for key in listed_keys(self._store, prefix, skip))
        for job_id, parts in groupby((key for key in keys if len(key) > 2), lambda key: key[1]):
            names = {part[2] for part in parts}
            if JOB_ID.fullmatch(job_id):
                yield StoredJob(job_id, was_worked_on=bool(names & {"done.json", "results"}))

    def _server(self) -> str:
        return text(self._redis.info("server")["run_id"])
