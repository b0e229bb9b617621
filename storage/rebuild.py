"""Rebuild: jobs come back from the object store after Redis was restarted or emptied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from redis import Redis, WatchError

from roadmask.settings import Settings
from storage.catalogue import Catalogue
from storage.deliveries import Deliveries
from storage.endings import read_ending
from storage.job_files import JobFile, read_job_file, write_job_file
from storage.job_keys import EPOCH, JOB_ID, job_key
from storage.objects import ObjectStore
from storage.progress import Progress
from storage.replies import text
from storage.results import cells
from storage.scripts import Scripts

MARGIN_MS = 10 * 60 * 1000
"""How far clocks may be apart and Redis may have been behind, when it went down. Milliseconds."""


class Rebuild:
    """Makes sure that Redis knows every job that was accepted and is not forgotten."""

    def __init__(self, redis: Redis, store: ObjectStore, settings: Settings) -> None:
        self._redis = redis
        self._store = store
        self._scripts = Scripts(redis)
        self._catalogue = Catalogue(redis, store)
        self._deliveries = Deliveries(redis, store, settings)
        self._retention_s = settings.retention_s

    def run(self) -> tuple[int, int]:
        """Jobs put back and images catalogued again: none while the Redis server is the same.

        A Redis without the mark of an epoch was emptied, or is new: all is put back. One that was
        restarted may have lost its last moments, so the jobs accepted about then are looked at.
        """
        self._redis.hsetnx(EPOCH, "begun", self._now())
        with self._redis.pipeline() as pipe:
            # Were Redis emptied again meanwhile, the mark would be a lie: then it is not made.
            pipe.watch(EPOCH)  # type: ignore[no-untyped-call]
            server, seen = self._redis.hmget(EPOCH, ["server", "seen"])
            done = self._make_sure(server, seen)
            pipe.multi()
            pipe.hset(EPOCH, mapping={"server": self._server(), "seen": self._now()})
            with suppress(WatchError):
                pipe.execute()
        return done

    def _make_sure(self, server: bytes | str | None, seen: bytes | str | None) -> tuple[int, int]:
        if server is None or seen is None:
            images = self._catalogue.rebuild()
            return sum(self._restore(job_id) for job_id in self._ids("jobs/")), images
        if text(server) != self._server():
            return sum(self._restore(job_id) for job_id in self._recent(int(seen))), 0
        return 0, 0

    def _recent(self, seen: int) -> Iterator[str]:
        """Jobs accepted since Redis was last seen, found by the time that their ids begin with."""
        first, last = seen - MARGIN_MS, self._now() + MARGIN_MS
        for minute in range(first >> 16, (last >> 16) + 1):
            yield from self._ids(f"jobs/{minute:08x}")

    def _ids(self, prefix: str) -> Iterator[str]:
        for key in self._store.keys(prefix):
            _, job_id, *rest = key.split("/")
            if rest == ["job.json"] and JOB_ID.fullmatch(job_id):
                yield job_id

    def _restore(self, job_id: str) -> bool:
        if self._redis.exists(job_key(job_id)):
            return False
        file = read_job_file(self._store, job_id)
        ending = read_ending(self._store, job_id)
        if ending is None or int(ending.record["round"]) != file.round:
            return self._reopen(file)
        age_s = (self._now() - int(ending.record["finished"])) // 1000
        if age_s >= self._retention_s:
            return False
        keep_s = self._retention_s - age_s
        if not self._put_back(file, ending.record, ending.confusion, ending.item_bytes(), keep_s):
            return False
        self._deliveries.recall(job_id, file.round)
        return True

    def _reopen(self, file: JobFile) -> bool:
        """Put back a job that had not ended: what is sealed counts, the rest is done again."""
        progress = Progress.read(self._store, file)
        file = replace(file, round=file.round + 1)
        write_job_file(self._store, file)
        record = file.record() | progress.record() | {"state": "queued", "created": file.created_ms}
        if file.deadline_ms is not None:
            record["deadline"] = file.created_ms + file.deadline_ms
        return self._put_back(
            file, record, cells(progress.confusion), bytes(progress.items), self._retention_s
        )

    def _put_back(
        self,
        file: JobFile,
        record: Mapping[str, str | int | float],
        confusion: Mapping[str, int],
        items: bytes,
        keep_s: int,
    ) -> bool:
        return bool(
            self._scripts.run(
                "restore",
                file.id,
                items,
                keep_s,
                file.idempotency_key or "",
                file.fingerprint,
                len(confusion),
                *chain.from_iterable(confusion.items()),
                *chain.from_iterable(record.items()),
            )
        )

    def _server(self) -> str:
        return text(self._redis.info("server")["run_id"])

    def _now(self) -> int:
        seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000
